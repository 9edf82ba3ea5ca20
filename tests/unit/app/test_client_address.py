from ipaddress import ip_network

import pytest

from ip2a.web.client_address import client_address

PROXIES = (ip_network("10.244.0.0/24"), ip_network("fd00::/8"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("203.0.113.9", None, "203.0.113.9"),
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),  # not a proxy: its header is a claim
        ("10.244.0.7", "198.51.100.1", "198.51.100.1"),
        ("10.244.0.7", "198.51.100.1, 203.0.113.5", "203.0.113.5"),  # only the last hop is known
        ("10.244.0.7", "198.51.100.1, 10.244.0.9", "198.51.100.1"),
        ("10.244.0.7", "10.244.0.9", "10.244.0.9"),
        ("10.244.0.7", "unknown", "10.244.0.7"),
        ("10.244.0.7", "1.2.3.4, garbage", "10.244.0.7"),
        ("fd00::1", "2001:db8::5", "2001:db8::5"),
        ("10.244.0.7", "", "10.244.0.7"),
        (None, "198.51.100.1", "unknown"),
    ],
)
def test_only_trusted_proxies_are_believed(peer: str | None, forwarded: str | None, expected: str) -> None:
    assert client_address(peer, forwarded, PROXIES) == expected
