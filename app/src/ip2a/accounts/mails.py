"""What the mails about an account say. Pure: who, which token and the platform's address in, text out."""

from typing import NamedTuple
from urllib.parse import quote

from ip2a.auth.models import TokenPurpose


class Mail(NamedTuple):
    """A message to one person."""

    to: str
    subject: str
    text: str


_PATHS = {
    TokenPurpose.RESET: "/reset-password",
    TokenPurpose.INVITE: "/reset-password",
    TokenPurpose.VERIFY: "/verify-email",
}
_SUBJECTS = {
    TokenPurpose.RESET: "Choose a new password",
    TokenPurpose.INVITE: "Your account at the local",
    TokenPurpose.VERIFY: "Is this your e-mail address?",
}
_BODIES = {
    TokenPurpose.RESET: (
        "somebody, probably you, asked for a new password. Choose one here within an hour:",
        "If it was not you, do nothing: the password stays as it is.",
    ),
    TokenPurpose.INVITE: (
        "the local's office made an account for you. Choose your password here within three days:",
        "If you did not expect this, tell the local's office.",
    ),
    TokenPurpose.VERIFY: (
        "please say that this is your e-mail address by opening this page within a day:",
        "If you have no account at the local, do nothing.",
    ),
}


def token_mail(purpose: TokenPurpose, email: str, first_name: str, token: str, public_url: str) -> Mail:
    """The mail that carries a token."""
    before, after = _BODIES[purpose]
    link = f"{public_url}{_PATHS[purpose]}?token={quote(token)}"
    return Mail(email, _SUBJECTS[purpose], f"Hello {first_name},\n\n{before}\n\n{link}\n\n{after}\n")


def changed_mail(email: str, first_name: str) -> Mail:
    """Tells that the password was changed: whoever did not do it hears of it."""
    text = (
        f"Hello {first_name},\n\nthe password of your account was changed just now, and every session was ended.\n\n"
        "If it was not you, ask for a new password at once and tell the local's office.\n"
    )
    return Mail(email, "Your password was changed", text)
