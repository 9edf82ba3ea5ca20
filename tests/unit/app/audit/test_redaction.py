from ip2a.audit.redaction import REDACTED, redact


def test_secrets_are_hidden_at_any_depth_and_nothing_else() -> None:
    record = {
        "city": "Kent",
        "SSN": "123-45-6789",
        "bank": {"Routing_Number": "1", "name": "First", "accounts": [{"bank_account": "2"}, "x"]},
        "password": None,
        "old": ("a", {"token_hash": "b"}),
    }
    assert redact(record) == {
        "city": "Kent",
        "SSN": REDACTED,
        "bank": {"Routing_Number": REDACTED, "name": "First", "accounts": [{"bank_account": REDACTED}, "x"]},
        "password": None,
        "old": ["a", {"token_hash": REDACTED}],
    }
    assert redact(None) is None
    assert redact("password") == "password"
