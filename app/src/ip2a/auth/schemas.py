"""Requests and responses of the log-in flow."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from ip2a.security.passwords import MAXIMUM_LENGTH


class LoginRequest(BaseModel):
    """E-mail and password; the e-mail's case does not matter."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"email": "member@local46.example", "password": "correct horse battery"}]},
    )

    email: str = Field(min_length=3, max_length=255)
    password: str = Field(min_length=1, max_length=MAXIMUM_LENGTH)


class RefreshRequest(BaseModel):
    """For clients without cookies; browsers send the cookie instead."""

    model_config = ConfigDict(extra="forbid")

    refresh_token: str | None = Field(default=None, max_length=200)


class SessionResponse(BaseModel):
    """The tokens of a session; browsers get them as HttpOnly cookies too."""

    access_token: str
    refresh_token: str
    csrf_token: str = Field(description="Send as X-CSRF-Token with every cookie-authenticated write.")
    token_type: str = "bearer"  # noqa: S105 (the scheme, no secret)
    expires_in: int = Field(description="Seconds until the access token expires.")


class CurrentUserResponse(BaseModel):
    """Who is calling."""

    user_id: int
    email: str
    first_name: str
    last_name: str
    member_id: int | None
    roles: list[str]
    must_change_password: bool = Field(description="Everything but a new password is refused until one is chosen.")
    csrf_token: str


class SessionItem(BaseModel):
    """One open session of an account."""

    session_id: str
    started_at: datetime
    last_used_at: datetime
    device: str | None
    address: str | None
    current: bool
