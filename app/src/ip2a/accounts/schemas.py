"""Requests about one's own password and address."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from ip2a.security.passwords import MAXIMUM_LENGTH, MINIMUM_LENGTH

Email = Annotated[str, Field(min_length=3, max_length=255, pattern=r"^[^@\s\x00]+@[^@\s\x00]+$")]
MailedToken = Annotated[str, Field(min_length=20, max_length=100, pattern=r"^[A-Za-z0-9_-]+$")]
NewPassword = Annotated[
    str,
    Field(min_length=1, max_length=MAXIMUM_LENGTH, description=f"{MINIMUM_LENGTH} characters or more, hard to guess."),
]


class PasswordChange(BaseModel):
    """The password as it is, and as it shall be."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"current_password": "correct horse battery", "new_password": "ladder crane voltage 9"}]
        },
    )

    current_password: str = Field(min_length=1, max_length=MAXIMUM_LENGTH)
    new_password: NewPassword


class ResetRequest(BaseModel):
    """Whose password is forgotten."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"email": "member@local46.example"}]})

    email: Email


class ResetConfirmation(BaseModel):
    """The token of the mail, and the new password."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"token": "3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "new_password": "ladder crane voltage 9"}
            ]
        },
    )

    token: MailedToken
    new_password: NewPassword


class Verification(BaseModel):
    """The token of the mail."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"token": "3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}]},
    )

    token: MailedToken
