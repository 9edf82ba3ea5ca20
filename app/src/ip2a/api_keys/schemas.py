"""Making and seeing API keys."""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from ip2a.security.api_keys import is_scope
from ip2a.web.keyset import Identifier

LONGEST_DAYS = 366


def _scope(value: str) -> str:
    if not is_scope(value):
        raise ValueError("a scope is resource:action or resource:*, such as members:read")
    return value


Scope = Annotated[str, Field(max_length=60), AfterValidator(_scope)]


class ApiKeyOrder(BaseModel):
    """A new key; `user_id` is the account it acts for, and nothing that account may not do can be a scope."""

    model_config = ConfigDict(
        extra="forbid",
        str_strip_whitespace=True,
        json_schema_extra={
            "examples": [{"name": "Trust fund", "user_id": 3, "scopes": ["members:read"], "days_valid": 90}]
        },
    )

    name: str = Field(min_length=3, max_length=100)
    user_id: Identifier
    scopes: list[Scope] = Field(min_length=1, max_length=50)
    days_valid: int = Field(default=90, strict=True, ge=1, le=LONGEST_DAYS)


class ApiKeyItem(BaseModel):
    """A key's record."""

    id: int
    name: str
    user_id: int
    email: str = Field(description="Of the account it acts for.")
    hint: str = Field(description="Its last characters.")
    scopes: list[str]
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None = Field(description="To the minute.")
    revoked_at: datetime | None


class NewApiKey(ApiKeyItem):
    """A key just made; it is shown this once."""

    key: str = Field(description="Send it as `Authorization: Bearer …`.")
