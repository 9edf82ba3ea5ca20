"""What of an audit record a viewer may see. Pure: a record and the viewer's right in, what is shown out."""

from collections.abc import Mapping

REDACTED = "[redacted]"
SECRET_KEYS = frozenset(
    {
        "ssn",
        "social_security",
        "social_security_number",
        "bank_account",
        "bank_account_number",
        "routing_number",
        "password",
        "password_hash",
        "token_hash",
        "refresh_token",
        "api_key",
        "secret_key",
        "key_hash",
    }
)


def redact(value: object) -> object:
    """The value without secrets, at any depth; keys are compared without regard to case."""
    if isinstance(value, Mapping):
        return {
            key: REDACTED if str(key).lower() in SECRET_KEYS and item is not None else redact(item)
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [redact(item) for item in value]
    return value
