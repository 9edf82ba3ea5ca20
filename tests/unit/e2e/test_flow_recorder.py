"""How recorded connections become flows between pods."""

from __future__ import annotations

from typing import Any

from tests.e2e.flow_recorder import NEW, Addresses


def _pod(uid: str, created: str) -> dict[str, Any]:
    return {
        "metadata": {"uid": uid, "name": uid, "namespace": "shop", "creationTimestamp": created},
        "spec": {"containers": [{"ports": [{"name": "http", "containerPort": 8000}]}]},
        "status": {"podIP": "10.244.0.9"},
    }


def test_a_connection_to_a_service_is_one_to_the_pod_behind_it() -> None:
    line = (
        "[1795756617.316058]\t    [NEW] tcp      6 120 SYN_SENT src=10.244.0.7 dst=10.96.0.10 sport=43280 dport=53 "
        "[UNREPLIED] src=10.244.0.3 dst=10.244.0.7 sport=8053 dport=43280"
    )
    found = NEW.match(line)
    assert found is not None
    assert found.groupdict() == {
        "at": "1795756617.316058",
        "protocol": "tcp",
        "source": "10.244.0.7",
        "target": "10.244.0.3",
        "port": "8053",
    }


def test_an_address_is_the_pods_that_had_it_then() -> None:
    addresses = Addresses()
    addresses.note(_pod("old", "1970-01-01T00:01:40Z"))
    addresses.note(_pod("new", "1970-01-01T00:05:00Z"))
    names = {when: getattr(addresses.pod_at("10.244.0.9", when), "name", None) for when in (50, 120, 200, 300.2)}
    assert names == {50: None, 120: "old", 200: "old", 300.2: "new"}
    assert addresses.pod_at("10.244.0.10", 120) is None


def test_pods_of_the_hosts_network_have_no_address_of_their_own() -> None:
    addresses, pod = Addresses(), _pod("proxy", "1970-01-01T00:01:40Z")
    pod["spec"]["hostNetwork"] = True
    addresses.note(pod)
    assert addresses.pod_at("10.244.0.9", 120) is None
