"""Forms of plain records: what the schemas say of them, what was typed as values, what is wrong by the field."""

from datetime import date

import pytest
from pydantic import ValidationError

from ip2a.grievances.models import GrievanceStatus
from ip2a.grievances.schemas import GrievanceChange, GrievanceItem, GrievanceOrder
from ip2a.organizations.schemas import ContactOrder
from ip2a.pages.forms import messages_of
from ip2a.pages.records import grievances, inputs, organizations
from ip2a.pages.records.inputs import Control
from ip2a.pages.rendering import words
from ip2a.training.models import CertificationType
from ip2a.web.problems import Problem

NEW = inputs.fields_of(GrievanceOrder, grievances.AREA.inputs, GrievanceOrder)
EDIT = inputs.fields_of(GrievanceChange, grievances.AREA.inputs, GrievanceOrder)
ITEM = GrievanceItem.model_validate(
    {
        "id": 1,
        "version": 3,
        "grievance_number": "G-2026-00001",
        "member_id": 5,
        "employer_id": 7,
        "filed_on": "2026-11-02",
        "incident_on": None,
        "contract_article": None,
        "violation": "First line\nand second",
        "remedy_sought": None,
        "current_step": "step_2",
        "status": "hearing",
        "assigned_to": None,
        "resolution": None,
        "resolved_on": None,
        "settlement_cents": 125050,
        "first_name": "Ana",
        "last_name": "Diaz",
        "employer_name": "Harbor Electric",
    }
)


@pytest.mark.parametrize(
    ("text", "cents"),
    [
        ("0", 0),
        ("1250", 125_000),
        ("1,250.50", 125_050),
        ("$1,250", 125_000),
        ("12,50", None),
        ("1.5", None),
        ("-5", None),
        ("1e3", None),
        ("", None),
    ],
)
def test_amounts_are_read_as_people_write_them(text: str, cents: int | None) -> None:
    assert inputs.read_cents(text) == cents


def test_the_schema_says_how_a_field_is_asked_for() -> None:
    found = {field.name: (field.control, field.required) for field in NEW}
    assert found["member_id"] == (Control.REFERENCE, True)
    assert found["filed_on"] == (Control.DAY, True)
    assert found["incident_on"] == (Control.DAY, False)
    assert found["status"] == (Control.CHOICE, False)
    assert found["violation"] == (Control.LONG, True)
    assert found["contract_article"] == (Control.TEXT, False)
    assert found["settlement_cents"] == (Control.MONEY, False)
    assert next(field.default for field in NEW if field.name == "status") == "open"
    assert "member_id" not in {field.name for field in EDIT}, "it cannot be changed"
    required = {field.name for field in EDIT if field.required}
    assert required == {"violation", "employer_id", "status", "current_step"}, "what a new one has must not be emptied"
    ticks = inputs.fields_of(ContactOrder, organizations.CONTACT_INPUTS, ContactOrder)
    assert [field.name for field in ticks if field.control is Control.TICK] == ["is_primary"]


def test_without_the_permission_reserved_choices_and_fields_are_not_offered() -> None:
    for granted, settled in ((frozenset[str](), False), (frozenset({"grievances:approve"}), True)):
        shown = {field.name: field for field in inputs.permitted(NEW, granted, {})}
        assert ("settlement_cents" in shown) is settled
        assert ("settled" in {choice.value for choice in shown["status"].choices}) is settled
    (status,) = (field for field in inputs.permitted(NEW, frozenset(), {"status": "settled"}) if field.name == "status")
    assert "settled" in {choice.value for choice in status.choices}, "what it is already stays"


def test_what_is_not_touched_is_not_changed() -> None:
    typed = inputs.typed_of(EDIT, ITEM)
    assert (typed["settlement_cents"], typed["employer_id"]) == ("1250.50", "Harbor Electric")
    values, wrong = inputs.values_of(EDIT, {**typed, "violation": "First line\r\nand second"})
    assert (inputs.changed(values, ITEM), wrong) == ({}, {})
    values, _ = inputs.values_of(EDIT, {**typed, "status": "closed", "settlement_cents": ""})
    assert inputs.changed(values, ITEM) == {"status": "closed", "settlement_cents": None}


def test_what_is_wrong_is_said_by_the_field() -> None:
    _, wrong = inputs.values_of(NEW, {"settlement_cents": "a lot", "violation": " \r\n "})
    assert wrong["settlement_cents"] == "An amount such as 1250 or 1,250.50."
    assert wrong["violation"] == wrong["member_id"] == wrong["filed_on"] == inputs.NEEDED
    with pytest.raises(ValidationError) as caught:
        GrievanceOrder.model_validate(
            {"filed_on": "soon", "status": "x", "settlement_cents": 10**12, "contract_article": "x" * 51}
        )
    said = messages_of(caught.value)
    assert said["filed_on"] == "A day such as 2026-11-30."
    assert said["status"] == "Choose one of the list."
    assert said["settlement_cents"] == "At most $10,000,000."
    assert said["contract_article"].endswith("at most 50 characters.")
    assert said["violation"] == "This is needed."


def test_a_refusal_stands_at_the_field_it_names() -> None:
    refused = Problem(422, "refused", "`resolved_on` is before `filed_on`.")
    assert inputs.placed(refused, NEW) == ({"resolved_on": "“Resolved on” is before “Filed on”."}, "")
    other = Problem(409, "x", "There is a grant with this `grant_number`.")
    assert inputs.placed(other, NEW) == ({}, "There is a grant with this “grant number”.")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "–"),
        ("", "–"),
        (False, "no"),
        (0, "0"),
        (date(2026, 11, 2), "Nov 2, 2026"),
        (GrievanceStatus.OPEN, "Open"),
        (CertificationType.OSHA_10, "OSHA 10"),
        (CertificationType.FIRST_AID, "First aid"),
        ("a_b", "a_b"),
    ],
)
def test_values_in_words(value: object, said: str) -> None:
    assert words(value) == said
