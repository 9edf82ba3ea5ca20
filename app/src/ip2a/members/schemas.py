"""What a member sees and may change of their own record."""

from datetime import date

from pydantic import BaseModel, EmailStr, Field

from ip2a.members.models import MemberClassification, MemberStatus
from ip2a.records.schemas import TEXT, RecordDay, Version, strict


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

    model_config = strict({"phone": "(206) 555-0100", "city": "Kent"})

    address: str | None = Field(default=None, max_length=255, pattern=TEXT)
    city: str | None = Field(default=None, max_length=100, pattern=TEXT)
    state: str | None = Field(default=None, pattern="^[A-Z]{2}$")
    zip_code: str | None = Field(default=None, pattern=r"^\d{5}(-\d{4})?$")
    phone: str | None = Field(default=None, max_length=50, pattern=r"^[0-9+(). -]{7,50}$")
    email: EmailStr | None = Field(default=None, max_length=255)


class MemberOrder(ContactChange):
    """A new member."""

    model_config = strict(
        {"member_number": "7464416", "first_name": "Ana", "last_name": "Diaz", "classification": "apprentice_1"}
    )

    member_number: str = Field(min_length=1, max_length=50, pattern="^[A-Za-z0-9-]+$")
    first_name: str = Field(min_length=1, max_length=100, pattern=TEXT)
    last_name: str = Field(min_length=1, max_length=100, pattern=TEXT)
    date_of_birth: RecordDay | None = None
    hire_date: RecordDay | None = None
    status: MemberStatus = MemberStatus.ACTIVE
    classification: MemberClassification


class MemberChange(ContactChange):
    """Fields the office changes; absent ones stay, null empties."""

    model_config = strict({"classification": "journeyman", "version": 1})

    version: Version
    first_name: str | None = Field(default=None, min_length=1, max_length=100, pattern=TEXT)
    last_name: str | None = Field(default=None, min_length=1, max_length=100, pattern=TEXT)
    date_of_birth: RecordDay | None = None
    hire_date: RecordDay | None = None
    status: MemberStatus | None = None
    classification: MemberClassification | None = None


class MemberItem(BaseModel):
    """A member as listed."""

    id: int
    member_number: str
    first_name: str
    last_name: str
    city: str | None
    phone: str | None
    email: str | None
    status: MemberStatus
    classification: MemberClassification


class MemberRecord(ProfileResponse):
    """A member's whole record, for the office."""

    date_of_birth: date | None
