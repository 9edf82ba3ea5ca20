"""Audit records for people."""

from datetime import UTC, datetime
from typing import Any

from ip2a.audit.models import AuditAction
from ip2a.audit.schemas import AuditItem
from ip2a.pages.changes import LONGEST, Field, fields_of


def record(old: Any, new: Any) -> AuditItem:
    return AuditItem(
        id=1,
        changed_at=datetime(2026, 1, 1, tzinfo=UTC),
        table_name="members",
        record_id="1",
        action=AuditAction.UPDATE,
        member_id=1,
        user_id=1,
        old_values=old,
        new_values=new,
        changed_fields=None,
        address=None,
        correlation_id=None,
    )


def test_before_and_after_stand_beside_each_other() -> None:
    shown = fields_of(record({"city": None, "amount_due_cents": 7500}, {"city": "Kent", "amount_due_cents": -250}))
    assert shown == [Field("City", "–", "Kent"), Field("Amount due", "$75.00", "−$2.50")]


def test_what_is_the_same_or_empty_is_left_out() -> None:
    assert fields_of(record({"city": "Kent", "state": ""}, {"city": "Kent", "state": None})) == []
    assert fields_of(record(None, None)) == []


def test_other_values_are_text_of_bounded_length() -> None:
    values = {"is_active": False, "scopes": ["a:b"], "body": "x" * 1000, "amount_cents": True}
    shown = {field.name: field.after for field in fields_of(record(None, values))}
    assert shown == {"Is active": "no", "Scopes": '["a:b"]', "Body": "x" * LONGEST + "…", "Amount": "yes"}
