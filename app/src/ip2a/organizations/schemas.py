"""Organizations as listed."""

from pydantic import BaseModel, EmailStr, Field

from ip2a.organizations.models import OrganizationType, SaltingScore
from ip2a.records.schemas import TEXT, Version, strict

PHONE = r"^[0-9+(). -]{7,50}$"


class OrganizationItem(BaseModel):
    """One organization."""

    id: int
    name: str
    org_type: OrganizationType
    city: str | None
    state: str | None
    phone: str | None
    email: str | None


class OrganizationPage(BaseModel):
    """By name; pass `next` as `after` for the page behind it."""

    items: list[OrganizationItem]
    next: int | None = Field(description="Id to pass as `after`; null on the last page.")


class OrganizationFields(BaseModel):
    """What is known of an organization beside its name."""

    address: str | None = Field(default=None, max_length=255, pattern=TEXT)
    city: str | None = Field(default=None, max_length=100, pattern=TEXT)
    state: str | None = Field(default=None, pattern="^[A-Z]{2}$")
    zip_code: str | None = Field(default=None, pattern=r"^\d{5}(-\d{4})?$")
    phone: str | None = Field(default=None, pattern=PHONE)
    email: EmailStr | None = Field(default=None, max_length=255)
    website: str | None = Field(default=None, max_length=255, pattern=r"^https?://[^\s\x00]+$")
    salting_score: SaltingScore | None = None


class OrganizationOrder(OrganizationFields):
    """A new organization."""

    model_config = strict({"name": "Harbor Electric", "org_type": "employer", "city": "Kent", "state": "WA"})

    name: str = Field(min_length=1, max_length=255, pattern=TEXT)
    org_type: OrganizationType


class OrganizationChange(OrganizationFields):
    """Fields to change; absent ones stay, null empties."""

    model_config = strict({"phone": "(206) 555-0100", "version": 1})

    version: Version
    name: str | None = Field(default=None, min_length=1, max_length=255, pattern=TEXT)
    org_type: OrganizationType | None = None


class OrganizationDetail(OrganizationItem):
    """All of an organization."""

    address: str | None
    zip_code: str | None
    website: str | None
    salting_score: SaltingScore | None
    version: int


class ContactOrder(BaseModel):
    """A new person to talk to."""

    model_config = strict({"first_name": "Ana", "last_name": "Diaz", "phone": "(206) 555-0100", "is_primary": True})

    first_name: str = Field(min_length=1, max_length=100, pattern=TEXT)
    last_name: str = Field(min_length=1, max_length=100, pattern=TEXT)
    title: str | None = Field(default=None, max_length=100, pattern=TEXT)
    phone: str | None = Field(default=None, pattern=PHONE)
    email: EmailStr | None = Field(default=None, max_length=255)
    is_primary: bool = Field(default=False, strict=True)


class ContactPersonChange(BaseModel):
    """Fields to change; absent ones stay, null empties."""

    model_config = strict({"title": "Superintendent", "version": 1})

    version: Version
    first_name: str | None = Field(default=None, min_length=1, max_length=100, pattern=TEXT)
    last_name: str | None = Field(default=None, min_length=1, max_length=100, pattern=TEXT)
    title: str | None = Field(default=None, max_length=100, pattern=TEXT)
    phone: str | None = Field(default=None, pattern=PHONE)
    email: EmailStr | None = Field(default=None, max_length=255)
    is_primary: bool | None = Field(default=None, strict=True)


class ContactItem(BaseModel):
    """A person to talk to."""

    id: int
    version: int
    organization_id: int
    first_name: str
    last_name: str
    title: str | None
    phone: str | None
    email: str | None
    is_primary: bool
