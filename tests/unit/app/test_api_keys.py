from ip2a.edge.routing import anonymous_rate
from ip2a.limits.rates import ANONYMOUS, LOGIN_ADDRESS, RECOVERY_ADDRESS, VISITOR, WEBHOOK
from ip2a.security.api_keys import digest_of, hint_of, is_scope, new_key, read_key


def test_a_key_says_whose_it_is() -> None:
    key = new_key(46)
    found = read_key(key)
    assert found is not None
    assert (found.user_id, found.digest) == (46, digest_of(key))
    assert key.endswith(hint_of(key))
    assert new_key(46) != key


def test_what_is_no_key() -> None:
    for text in ("", "ip2a_", f"ip2a_0_{'x' * 43}", f"ip2a_4294967296_{'x' * 43}", f"ip2a_1_{'x' * 42}", "eyJ.a.b"):
        assert read_key(text) is None, text


def test_scopes_name_a_resource() -> None:
    assert [is_scope(text) for text in ("members:read", "dues:*", "*:*", "members", "a:b:c")] == [
        True,
        True,
        False,
        False,
        False,
    ]


def test_what_one_address_may_ask_without_a_session() -> None:
    assert anonymous_rate("GET", "/my/dues") is VISITOR
    assert anonymous_rate("POST", "/my/dues/1/pay") is ANONYMOUS
    assert anonymous_rate("GET", "/api/v1/my/dues") is ANONYMOUS
    assert anonymous_rate("POST", "/login") is LOGIN_ADDRESS
    assert anonymous_rate("POST", "/api/v1/auth/refresh") is LOGIN_ADDRESS
    assert anonymous_rate("POST", "/forgot-password") is RECOVERY_ADDRESS
    assert anonymous_rate("GET", "/forgot-password") is VISITOR
    assert anonymous_rate("POST", "/api/v1/webhooks/stripe") is WEBHOOK
