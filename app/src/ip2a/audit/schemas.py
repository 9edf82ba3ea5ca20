"""Audit records as shown."""

from datetime import datetime

from pydantic import BaseModel, Field, JsonValue

from ip2a.audit.models import AuditAction


class AuditItem(BaseModel):
    """One record; `address` only for administrators, secrets in values only as a marker."""

    id: int
    changed_at: datetime
    table_name: str
    record_id: str = Field(description="`*` for reads of lists.")
    action: AuditAction
    member_id: int | None = Field(description="The member whose data it is about.")
    user_id: int | None = Field(description="Who acted; null for the platform itself.")
    old_values: JsonValue
    new_values: JsonValue
    changed_fields: list[str] | None
    address: str | None
    correlation_id: str | None
