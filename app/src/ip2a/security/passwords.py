"""Which passwords are good enough, and their hashing: Argon2id for new hashes, bcrypt still verified.

CPU-bound by design: callers run it on the pool of `PasswordHasher`, never on the event loop.
"""

import asyncio
import secrets
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import argon2
import bcrypt
from argon2.exceptions import InvalidHashError, VerificationError

MEMORY_KIB = 19 * 1024  # OWASP's second choice for Argon2id: 19 MiB, two passes, one lane
PASSES = 2
LANES = 1
MAXIMUM_LENGTH = 128  # characters; longer input is refused before it is hashed

MINIMUM_LENGTH = 12
LEAST_DIFFERENT = 5  # different characters
_COMMON = frozenset(
    {
        "123456789012", "1234567890123", "password1234", "passwordpassword", "qwertyuiop12", "qwertyuiopas",
        "iloveyou1234", "letmeinletmein", "administrator", "welcome12345", "changeme1234", "unionstrong46",
    }
)  # fmt: skip


def weakness(password: str, personal: Iterable[str] = ()) -> str | None:
    """Why this must not become a password, in words for who chose it; None when it may.

    Length counts, composition does not; what others know of the person is no secret.
    """
    lowered = password.lower()
    if not MINIMUM_LENGTH <= len(password) <= MAXIMUM_LENGTH:
        return f"must have {MINIMUM_LENGTH} to {MAXIMUM_LENGTH} characters"
    if lowered in _COMMON or len(set(lowered)) < LEAST_DIFFERENT:
        return "is too easy to guess; several words that do not belong together are good"
    if any(len(word) > 3 and word.lower() in lowered for word in personal):
        return "must not contain your name or your e-mail address"
    return None


class PasswordHasher:
    """Hashes and verifies on its own small thread pool (the hash releases the interpreter lock)."""

    def __init__(self, threads: int = 1) -> None:
        self._argon2 = argon2.PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES)
        self._threads = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="password")
        self._nobody = self._argon2.hash(secrets.token_urlsafe(16))

    async def hash(self, password: str) -> str:
        """`hash_now` on the pool."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self.hash_now, password)

    async def verify(self, password: str, stored: str | None) -> bool:
        """`verify_now` on the pool."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self.verify_now, password, stored)

    def hash_now(self, password: str) -> str:
        """A new Argon2id hash in PHC format; some 20 ms of CPU."""
        return self._argon2.hash(password)

    def is_outdated(self, stored: str) -> bool:
        """Whether a verified password should be hashed anew: bcrypt, or other Argon2 costs."""
        return not stored.startswith("$argon2id$") or self._argon2.check_needs_rehash(stored)

    def close(self) -> None:
        """End the threads; pending work is finished."""
        self._threads.shutdown()

    def verify_now(self, password: str, stored: str | None) -> bool:
        """Whether the password matches; costs the same when there is no account (`stored` is None)."""
        if stored is not None and stored.startswith("$2"):
            return bcrypt.checkpw(password.encode()[:72], stored.encode())
        try:
            matches = self._argon2.verify(stored or self._nobody, password)
        except (VerificationError, InvalidHashError):
            return False
        return matches and stored is not None
