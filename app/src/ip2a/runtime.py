"""What one process shares between requests, built once at the start and closed at the end."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from ip2a.database.engines import Databases, create_databases
from ip2a.security.passwords import PasswordHasher
from ip2a.security.tokens import TokenKeys
from ip2a.settings import Settings


@dataclass(frozen=True)
class Runtime:
    """Engines, keys and clock; handed to services piece by piece, never reached for as a global."""

    settings: Settings
    databases: Databases
    passwords: PasswordHasher
    token_keys: TokenKeys
    cookie_key: bytes
    now: Callable[[], datetime]

    async def close(self) -> None:
        """Return connections and end threads."""
        await self.databases.close()
        self.passwords.close()


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


def create_runtime(settings: Settings, now: Callable[[], datetime] = utc_now) -> Runtime:
    """Build everything from the settings; nothing is connected yet."""
    previous = settings.jwt_previous_key.get_secret_value().encode()
    return Runtime(
        settings=settings,
        databases=create_databases(settings),
        passwords=PasswordHasher(),
        token_keys=TokenKeys(settings.jwt_key.get_secret_value().encode(), previous or None),
        cookie_key=settings.cookie_key.get_secret_value().encode(),
        now=now,
    )
