from datetime import UTC, datetime, timedelta

import jwt
import pytest

from ip2a.security.tokens import (
    ACCESS_LIFETIME,
    InvalidTokenError,
    TokenKeys,
    csrf_matches,
    csrf_token,
    issue_access_token,
    read_access_token,
    successor_of,
)

SESSION = "7f0d2f6e-33c1-4c59-9bd5-0a8a8ad1a4d6"
OLD, NEW, FOREIGN = b"o" * 32, b"n" * 32, b"f" * 32


def token(keys: TokenKeys, now: datetime) -> str:
    return issue_access_token(keys, user_id=7, member_id=3, roles=("member",), epoch=2, session_id=SESSION, now=now)


def test_claims_survive_the_way() -> None:
    now = datetime.now(UTC)
    claims = read_access_token(TokenKeys(NEW), token(TokenKeys(NEW), now))
    assert (claims.user_id, claims.member_id, claims.roles, claims.epoch) == (7, 3, ("member",), 2)
    assert claims.expires_at == int((now + ACCESS_LIFETIME).timestamp())


def test_the_previous_key_only_verifies() -> None:
    now = datetime.now(UTC)
    rotated = TokenKeys(NEW, OLD)
    assert read_access_token(rotated, token(TokenKeys(OLD), now)).user_id == 7
    with pytest.raises(InvalidTokenError):
        read_access_token(TokenKeys(OLD), token(rotated, now))


def test_expired_foreign_and_unsigned_tokens_are_refused() -> None:
    now = datetime.now(UTC)
    keys = TokenKeys(NEW, OLD)
    unsigned = jwt.encode({"sub": "7", "type": "access", "iat": 0, "exp": 2**40}, "", algorithm="none")
    refresh_like = jwt.encode({"sub": "7", "type": "refresh", "iat": 0, "exp": 2**40}, NEW)
    stale = token(keys, now - ACCESS_LIFETIME - timedelta(seconds=11))
    for bad in (stale, token(TokenKeys(FOREIGN), now), unsigned, refresh_like, "", "a.b.c"):
        with pytest.raises(InvalidTokenError):
            read_access_token(keys, bad)


def test_csrf_tokens_belong_to_one_session() -> None:
    assert csrf_matches(csrf_token("s-1", NEW), "s-1", NEW)
    assert not csrf_matches(csrf_token("s-1", NEW), "s-2", NEW)
    assert not csrf_matches("", "s-1", NEW)
    assert not csrf_matches("é", "s-1", NEW)


def test_a_successor_is_stable_and_unlike_its_parent() -> None:
    assert successor_of("parent", NEW) == successor_of("parent", NEW)
    assert successor_of("parent", NEW) not in {"parent", successor_of("parent", OLD)}
