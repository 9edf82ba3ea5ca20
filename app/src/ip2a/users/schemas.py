"""Seeing and changing accounts."""

from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from ip2a.accounts.schemas import Email
from ip2a.auth.models import RoleName
from ip2a.web.keyset import Identifier

Name = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00]*$")]


class RoleGrant(BaseModel):
    """A role, for ever or until `expires_at`."""

    model_config = ConfigDict(extra="forbid")

    role: RoleName
    expires_at: AwareDatetime | None = None


class AccountOrder(BaseModel):
    """A new account; its owner chooses the password by the link that is mailed to them."""

    model_config = ConfigDict(
        extra="forbid",
        str_strip_whitespace=True,
        json_schema_extra={
            "examples": [
                {
                    "email": "new.hire@local46.example",
                    "first_name": "Nora",
                    "last_name": "Hire",
                    "roles": [{"role": "staff"}],
                }
            ]
        },
    )

    email: Email
    first_name: Name
    last_name: Name
    member_id: Identifier | None = None
    roles: list[RoleGrant] = Field(min_length=1, max_length=len(RoleName))


class AccountChange(BaseModel):
    """What to change; fields that are left out stay. A new address has to be verified again."""

    model_config = ConfigDict(
        extra="forbid", str_strip_whitespace=True, json_schema_extra={"examples": [{"last_name": "Hired"}]}
    )

    email: Email | None = None
    first_name: Name | None = None
    last_name: Name | None = None
    member_id: Identifier | None = None


class RolesOrder(BaseModel):
    """All roles the account shall hold; the others end."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"roles": [{"role": "officer"}]}]})

    roles: list[RoleGrant] = Field(max_length=len(RoleName))


class HeldRole(BaseModel):
    """A role as held."""

    role: RoleName
    expires_at: datetime | None


class AccountItem(BaseModel):
    """An account, for administrators."""

    id: int
    email: str
    first_name: str
    last_name: str
    member_id: int | None
    is_active: bool
    is_verified: bool
    must_change_password: bool
    failed_login_attempts: int
    locked_until: datetime | None
    last_login_at: datetime | None
    created_at: datetime
    roles: list[HeldRole]


class AccountSession(BaseModel):
    """An open session of an account."""

    session_id: str
    started_at: datetime
    last_used_at: datetime
    device: str | None
    address: str | None


class EndedSessions(BaseModel):
    """How many sessions were ended."""

    ended: int
