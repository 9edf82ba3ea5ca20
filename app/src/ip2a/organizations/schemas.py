"""Organizations as listed."""

from pydantic import BaseModel, Field

from ip2a.organizations.models import OrganizationType


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
