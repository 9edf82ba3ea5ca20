"""The cached read of who a presented key is; it lies beside its account's principal, so that whatever changes the
account or revokes a key makes both forgotten.
"""

from ip2a.api_keys import repository
from ip2a.database.identity import AUTHENTICATION
from ip2a.reads import Query, Read, user_subject
from ip2a.security.api_keys import PresentedKey

PRINCIPAL = Read(
    name="key-principal",
    path="",
    permission="",
    statement=repository.PRINCIPAL,
    seconds=3600,
    subject=b"",
    primary_only=True,
)


def slot_of(key: PresentedKey) -> tuple[bytes, bytes]:
    """Where the cache keeps it."""
    return user_subject(key.user_id), b"key:" + key.digest.hex().encode()


def query_of(key: PresentedKey) -> Query:
    """The read of the key's principal."""
    subject, name = slot_of(key)
    return Query(PRINCIPAL, AUTHENTICATION, subject, name, (b"%d" % key.user_id, b"\\x" + key.digest.hex().encode()))
