import pytest

from ip2a.settings import SettingsError, load_settings

KEY = "k" * 32
PRODUCTION = {
    "IP2A_PUBLIC_URL": "https://ip2a.local46.example",
    "IP2A_DB_WRITE_HOST": "local46-pool-rw",
    "IP2A_DB_PASSWORD": "secret",
    "IP2A_DB_SSLROOTCERT": "/etc/ip2a/ca.crt",
    "IP2A_JWT_KEY": KEY,
    "IP2A_COOKIE_KEY": "c" * 32,
}


def environment(monkeypatch: pytest.MonkeyPatch, values: dict[str, str | None]) -> None:
    for name, value in {**PRODUCTION, **values}.items():
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)


def test_the_contract_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    environment(monkeypatch, {"IP2A_TRUSTED_PROXIES": "10.244.0.0/24, ::1", "IP2A_DB_POOL_SIZE": "7"})
    settings = load_settings()
    assert settings.in_production
    assert settings.read_host == "local46-pool-rw"
    assert [str(network) for network in settings.trusted_proxies] == ["10.244.0.0/24", "::1/128"]
    assert (settings.db_pool_size, settings.db_max_overflow, settings.db_pool_timeout) == (7, 5, 3.0)


@pytest.mark.parametrize(
    ("variable", "value", "remedy"),
    [
        ("IP2A_PUBLIC_URL", None, "required"),
        ("IP2A_PUBLIC_URL", "http://ip2a.example.org", "https"),
        ("IP2A_PUBLIC_URL", "ip2a.example.org", "absolute"),
        ("IP2A_DB_WRITE_HOST", None, "required"),
        ("IP2A_DB_PASSWORD", None, "required"),
        ("IP2A_DB_SSLMODE", "require", "verify-full"),
        ("IP2A_DB_SSLROOTCERT", None, "CA file"),
        ("IP2A_JWT_KEY", None, "32"),
        ("IP2A_JWT_KEY", "short", "32"),
        ("IP2A_COOKIE_KEY", KEY, "differ"),
        ("IP2A_JWT_PREVIOUS_KEY", "short", "32"),
        ("IP2A_DB_POOL_SIZE", "0", "greater than"),
        ("IP2A_TRUSTED_PROXIES", "10.0.0.0/33", "10.0.0.0/33"),
        ("IP2A_ENVIRONMENT", "staging", "production"),
    ],
)
def test_unsafe_or_wrong_values_are_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str | None, remedy: str
) -> None:
    environment(monkeypatch, {variable: value})
    with pytest.raises(SettingsError) as refused:
        load_settings()
    assert variable in str(refused.value)
    assert remedy in str(refused.value)


def test_no_secret_is_in_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    environment(monkeypatch, {"IP2A_JWT_KEY": "tooshortsecret"})
    with pytest.raises(SettingsError) as refused:
        load_settings()
    assert "tooshortsecret" not in str(refused.value)


def test_http_is_allowed_for_localhost(monkeypatch: pytest.MonkeyPatch) -> None:
    environment(monkeypatch, {"IP2A_PUBLIC_URL": "http://localhost:8080"})
    assert load_settings().public_url == "http://localhost:8080"


def test_development_has_defaults_for_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    environment(monkeypatch, {"IP2A_ENVIRONMENT": "development", "IP2A_JWT_KEY": None, "IP2A_COOKIE_KEY": None})
    settings = load_settings()
    assert len(settings.jwt_key.get_secret_value()) >= 32
    assert settings.jwt_key != settings.cookie_key


def test_s3_needs_a_url_and_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    environment(monkeypatch, {"IP2A_S3_ENDPOINT": "s3.example.org"})
    with pytest.raises(SettingsError) as refused:
        load_settings()
    assert "IP2A_S3_ENDPOINT must be an http or https URL" in str(refused.value)
    assert "_SECRET_ACCESS_KEY are required" in str(refused.value)
