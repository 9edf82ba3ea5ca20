import bcrypt
import pytest

from ip2a.security.passwords import PasswordHasher, weakness


async def test_argon2id_with_the_required_costs() -> None:
    hasher = PasswordHasher()
    try:
        stored = await hasher.hash("correct horse")
        assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
        assert await hasher.verify("correct horse", stored)
        assert not await hasher.verify("wrong horse", stored)
        assert not hasher.is_outdated(stored)
    finally:
        hasher.close()


async def test_bcrypt_is_verified_and_outdated() -> None:
    hasher = PasswordHasher()
    try:
        stored = bcrypt.hashpw(b"old password", bcrypt.gensalt(rounds=4)).decode()
        assert await hasher.verify("old password", stored)
        assert not await hasher.verify("other", stored)
        assert hasher.is_outdated(stored)
    finally:
        hasher.close()


async def test_nobody_has_no_password() -> None:
    hasher = PasswordHasher()
    try:
        assert not await hasher.verify("anything", None)
        assert not await hasher.verify("anything", "not a hash")
    finally:
        hasher.close()


@pytest.mark.parametrize(
    ("password", "weak"),
    [
        ("ladder crane voltage", False),
        ("elevenchars", True),
        ("abababababab", True),
        ("Password1234", True),
        ("maria-and-more-words", True),
        ("x" * 129, True),
    ],
)
def test_what_is_easily_guessed_is_refused(password: str, weak: bool) -> None:
    assert (weakness(password, ("Maria", "Lee")) is not None) is weak
