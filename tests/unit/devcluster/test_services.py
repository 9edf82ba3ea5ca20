"""The services' configuration files and connection parameters; that they work is proved in tests/services."""

from __future__ import annotations

import configparser
import socket
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509

from devcluster import services
from devcluster.errors import Unsupported
from devcluster.services import process
from devcluster.services.certificates import server_certificate
from devcluster.services.pgbouncer import configuration as pgbouncer_ini
from devcluster.services.postgres import Credentials, Login
from devcluster.services.postgres import configuration as postgresql_conf
from devcluster.services.process import HOST, Endpoint

UPSTREAM = Login(Endpoint(HOST, 20001), Credentials("token"), None)
POOLER = Login(Endpoint(HOST, 20002), Credentials("token"), None)


def pooler_settings(upstream: Login, login: Login, **parameters: str) -> configparser.SectionProxy:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(pgbouncer_ini(upstream, login, parameters))
    assert parser["databases"]["*"] == f"host={HOST} port=20001"
    return parser["pgbouncer"]


def test_pooler_is_in_transaction_mode_and_asks_the_server_for_passwords() -> None:
    settings = pooler_settings(UPSTREAM, POOLER, default_pool_size="4")
    assert settings["pool_mode"] == "transaction"
    assert settings["default_pool_size"] == "4"
    assert settings["auth_query"].endswith("usename = $1")
    assert settings["server_tls_sslmode"] == "disable"
    assert "client_tls_sslmode" not in settings


def test_parameters_cannot_open_a_pooler_to_other_hosts() -> None:
    assert pooler_settings(UPSTREAM, POOLER, listen_addr="*", auth_type="any")["listen_addr"] == HOST


def test_pooler_with_tls_verifies_its_server_and_wants_tls_of_clients() -> None:
    authority = Path("ca.crt")
    settings = pooler_settings(
        Login(UPSTREAM.endpoint, UPSTREAM.credentials, authority), Login(POOLER.endpoint, POOLER.credentials, authority)
    )
    assert settings["server_tls_sslmode"] == "verify-full"
    assert settings["client_tls_sslmode"] == "require"


def test_server_configuration_quotes_and_stays_on_loopback() -> None:
    given = {"application_name": "it's", "listen_addresses": "*"}
    text = postgresql_conf(Endpoint(HOST, 20001), given, tls=False, primary_conninfo=None)
    lines = dict(line.split(" = ", 1) for line in text.splitlines())
    assert lines["application_name"] == "'it''s'"
    assert lines["listen_addresses"] == f"'{HOST}'"
    assert "ssl" not in lines
    assert "primary_conninfo" not in lines


def test_replica_knows_its_primary() -> None:
    text = postgresql_conf(Endpoint(HOST, 20001), {}, tls=True, primary_conninfo="host=a password='b'")
    assert "primary_conninfo = 'host=a password=''b'''\n" in text
    assert "ssl = 'on'\n" in text


def test_login_verifies_the_server_when_there_is_an_authority() -> None:
    plain = UPSTREAM.parameters("ip2a_app", "ip2a")
    assert (plain["sslmode"], plain["password"]) == ("disable", "ip2a_app-token")
    verified = Login(UPSTREAM.endpoint, UPSTREAM.credentials, Path("ca.crt")).parameters("ip2a_app", "ip2a")
    assert (verified["sslmode"], verified["sslrootcert"]) == ("verify-full", "ca.crt")


def test_free_port_is_free_and_outside_the_ephemeral_range(monkeypatch: pytest.MonkeyPatch) -> None:
    port = process.free_port()
    assert port in process.PORTS
    with socket.socket() as taken:
        taken.bind((HOST, port))
        taken.listen()
        monkeypatch.setattr(process, "PORTS", range(port, port + 1))
        with pytest.raises(Unsupported, match=r"no TCP port of 127\.0\.0\.1"):
            process.free_port()


@pytest.mark.parametrize(
    "service",
    [
        services.postgres,
        services.redis,
        services.toxiproxy,
        lambda: services.pgbouncer(UPSTREAM),
        lambda: services.prometheus({}),
        lambda: services.alertmanager({}),
    ],
    ids=["postgres", "redis", "toxiproxy", "pgbouncer", "prometheus", "alertmanager"],
)
def test_without_root_services_say_so_before_they_do_anything(
    monkeypatch: pytest.MonkeyPatch, service: Callable[[], AbstractContextManager[object]]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/nowhere")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(Unsupported, match="run the tests as root"), service():
        pass


def test_certificate_is_for_loopback_and_short() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    made = server_certificate(now)
    certificate = x509.load_pem_x509_certificate(made.certificate.encode())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "127.0.0.2"]
    assert (certificate.not_valid_after_utc - now).days == 2
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(made.authority.encode()))
