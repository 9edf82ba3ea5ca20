"""The system's clock and random numbers, behind the ports that the reconciliation asks."""

import secrets
from datetime import UTC, datetime

TOKEN_BYTES = 32


class SystemClock:
    """Time of day."""

    def now(self) -> datetime:
        """Now, in UTC."""
        return datetime.now(UTC)


class SystemEntropy:
    """Random secrets from the operating system."""

    def token(self) -> str:
        """43 characters that need no escaping in a URL."""
        return secrets.token_urlsafe(TOKEN_BYTES)
