"""What a member sees and may change of their own record."""

from datetime import date

from pydantic import BaseModel, ConfigDict, EmailStr, Field

from ip2a.members.models import MemberClassification, MemberStatus


class ProfileResponse(BaseModel):
    """A member's own record."""

    id: int
    member_number: str
    first_name: str
    last_name: str
    address: str | None
    city: str | None
    state: str | None
    zip_code: str | None
    phone: str | None
    email: str | None
    hire_date: date | None
    status: MemberStatus
    classification: MemberClassification
    version: int


class ContactChange(BaseModel):
    """Contact fields a member may change; absent fields stay, null clears."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    address: str | None = Field(default=None, max_length=255)
    city: str | None = Field(default=None, max_length=100)
    state: str | None = Field(default=None, pattern="^[A-Z]{2}$")
    zip_code: str | None = Field(default=None, pattern=r"^\d{5}(-\d{4})?$")
    phone: str | None = Field(default=None, max_length=50, pattern=r"^[0-9+(). -]{7,50}$")
    email: EmailStr | None = Field(default=None, max_length=255)
