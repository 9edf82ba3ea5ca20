"""The evaluator of NetworkPolicies that the end-to-end tests judge recorded flows by."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.network_policies import Flow, Pod, Policies, Rule, matches

APP = Pod("shop", "app-1", {"role": "app"}, {"http": 8080})
DATABASE = Pod("shop", "db-1", {"role": "database"}, {})
STRANGER = Pod("other", "app-1", {"role": "app"}, {})
NAMESPACES = {"shop": {"team": "a"}, "other": {"team": "b"}}


def _policy(name: str, role: str, **spec: Any) -> dict[str, Any]:
    directions = [direction.capitalize() for direction in ("ingress", "egress") if direction in spec]
    selector = {"matchLabels": {"role": role}}
    return {
        "metadata": {"namespace": "shop", "name": name},
        "spec": {"podSelector": selector, "policyTypes": directions, **spec},
    }


def _flow(source: Pod | None, destination: Pod | None, port: int = 5432, protocol: str = "TCP") -> Flow:
    return Flow(source, "10.244.0.7", destination, "10.244.0.8", protocol, port)


def _policies(*items: dict[str, Any]) -> Policies:
    return Policies(items, NAMESPACES)


def test_without_policies_everything_is_allowed() -> None:
    assert _policies().allow(_flow(STRANGER, DATABASE))


def test_a_selected_pod_only_gets_what_a_rule_names() -> None:
    port = {"port": 5432, "protocol": "TCP"}
    policies = _policies(
        _policy(
            "db", "database", ingress=[{"from": [{"podSelector": {"matchLabels": {"role": "app"}}}], "ports": [port]}]
        )
    )
    assert policies.allow(_flow(APP, DATABASE))
    assert not policies.allow(_flow(APP, DATABASE, port=5433))
    assert not policies.allow(_flow(APP, DATABASE, protocol="UDP"))
    assert not policies.allow(_flow(STRANGER, DATABASE)), "a podSelector alone means the policy's own namespace"
    assert policies.allow(_flow(DATABASE, APP)), "who is not selected is free"


@pytest.mark.parametrize(
    ("selector", "allowed"),
    [({}, True), ({"matchLabels": {"team": "b"}}, True), ({"matchLabels": {"team": "a"}}, False)],
)
def test_a_namespace_selector_reaches_other_namespaces(selector: dict[str, Any], allowed: bool) -> None:
    policies = _policies(_policy("db", "database", ingress=[{"from": [{"namespaceSelector": selector}]}]))
    assert policies.allow(_flow(STRANGER, DATABASE)) is allowed


def test_both_ends_must_allow() -> None:
    receive = _policy("db", "database", ingress=[{}])
    assert _policies(receive).allow(_flow(APP, DATABASE))
    assert not _policies(receive, _policy("app", "app", egress=[])).allow(_flow(APP, DATABASE))


def test_what_is_no_pod_is_only_reached_by_rules_without_peers_or_with_its_block() -> None:
    outside = _flow(APP, None, port=443)
    assert _policies(_policy("app", "app", egress=[{"ports": [{"port": 443}]}])).allow(outside)
    assert not _policies(_policy("app", "app", egress=[{"to": [{"namespaceSelector": {}}]}])).allow(outside)
    block = {"cidr": "10.244.0.0/24", "except": ["10.244.0.8/32"]}
    assert not _policies(_policy("app", "app", egress=[{"to": [{"ipBlock": block}]}])).allow(outside)
    del block["except"]
    assert _policies(_policy("app", "app", egress=[{"to": [{"ipBlock": block}]}])).allow(outside)


def test_the_node_is_never_refused() -> None:
    policies = _policies(_policy("db", "database", ingress=[]))
    assert policies.allow(Flow(None, "10.244.0.1", DATABASE, "10.244.0.8", "TCP", 8000))
    assert not policies.allow(Flow(None, "10.244.9.9", DATABASE, "10.244.0.8", "TCP", 8000))


def test_named_and_ranged_ports() -> None:
    named = _policies(_policy("app", "app", ingress=[{"ports": [{"port": "http"}]}]))
    assert named.allow(_flow(DATABASE, APP, port=8080))
    assert not named.allow(_flow(DATABASE, APP, port=8081))
    ranged = _policies(_policy("app", "app", ingress=[{"ports": [{"port": 8000, "endPort": 8100}]}]))
    assert ranged.allow(_flow(DATABASE, APP, port=8080))
    assert not ranged.allow(_flow(DATABASE, APP, port=8101))


def test_policies_of_one_pod_add_up_and_a_rule_can_be_left_out() -> None:
    one = _policy("one", "database", ingress=[{"ports": [{"port": 1}]}])
    other = _policy("other", "database", ingress=[{"ports": [{"port": 5432}]}, {"ports": [{"port": 2}]}])
    policies = _policies(one, other)
    rule = Rule("shop", "other", "ingress", 0, -1)
    assert rule in set(policies.rules())
    assert policies.allow(_flow(APP, DATABASE))
    assert not policies.allow(_flow(APP, DATABASE), frozenset({rule}))


def test_peers_are_rules_by_themselves_and_alike_across_resources() -> None:
    def of(instance: str) -> dict[str, Any]:
        peers = [{"podSelector": {"matchLabels": {"pool": f"{instance}-pool-{kind}"}}} for kind in ("rw", "ro")]
        policy = _policy(instance, "database", ingress=[{"from": peers}])
        policy["metadata"]["labels"] = {
            "app.kubernetes.io/instance": instance,
            "app.kubernetes.io/component": "database",
        }
        return policy

    policies = _policies(of("first"), of("second"))
    families = [policies.family(rule) for rule in policies.rules()]
    assert len(families) == 4
    assert len(set(families)) == 2


@pytest.mark.parametrize(
    ("operator", "values", "selected"),
    [
        ("In", ["app"], True),
        ("In", ["database"], False),
        ("NotIn", ["app"], False),
        ("Exists", [], True),
        ("DoesNotExist", [], False),
    ],
)
def test_expressions(operator: str, values: list[str], selected: bool) -> None:
    expression = {"key": "role", "operator": operator, "values": values}
    assert matches({"matchExpressions": [expression]}, APP.labels) is selected


def test_concerns_only_flows_of_selected_pods() -> None:
    policies = _policies(_policy("db", "database", ingress=[]))
    assert policies.concerns(_flow(APP, DATABASE))
    assert not policies.concerns(_flow(APP, STRANGER))
