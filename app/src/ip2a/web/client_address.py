"""The client's real address: forwarded headers count only when a trusted proxy sent them."""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address

UNKNOWN = "unknown"


def client_address(peer: str | None, forwarded_for: str | None, trusted: Sequence[IPv4Network | IPv6Network]) -> str:
    """The rightmost address of X-Forwarded-For that no trusted proxy owns, else the peer's."""
    if peer is None:
        return UNKNOWN
    if not forwarded_for or not is_trusted(peer, trusted):
        return peer
    address = peer
    for hop in reversed(forwarded_for.split(",")):
        candidate = hop.strip()
        if not _is_address(candidate):
            return address
        address = candidate
        if not is_trusted(candidate, trusted):
            return candidate
    return address


def is_trusted(address: str, trusted: Sequence[IPv4Network | IPv6Network]) -> bool:
    """Whether the address lies in one of the networks; what is no address is not trusted."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return any(parsed.version == network.version and parsed in network for network in trusted)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
