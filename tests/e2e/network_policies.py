"""What NetworkPolicies allow, evaluated here: no enforcer can be had on the embedded cluster. Pure.

A flow is allowed when its source may send it and its destination may receive it. Each side is judged by the policies
that select it there, as the API documents: none that selects it allows everything, several allow what one of them
does. What is no pod (the node, the API server, the host's own clients) has no side to judge, and only rules without
peers, or with an `ipBlock`, reach it.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

Direction = Literal["ingress", "egress"]
Json = Mapping[str, Any]


@dataclass(frozen=True)
class Pod:
    """A pod as policies see it. `ports` are its containers' named ones."""

    namespace: str
    name: str
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    ports: Mapping[str, int] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Flow:
    """From whom to which port of whom; None for what is no pod, of which only the address is known."""

    source: Pod | None
    source_address: str
    destination: Pod | None
    destination_address: str
    protocol: str
    port: int

    def __str__(self) -> str:
        source = f"{self.source.namespace}/{self.source.name}" if self.source else self.source_address
        target = self.destination
        destination = f"{target.namespace}/{target.name}" if target else self.destination_address
        return f"{source} → {destination} {self.protocol} {self.port}"


class Rule(NamedTuple):
    """One peer of one rule of one policy; `peer` is -1 for a rule without peers."""

    namespace: str
    policy: str
    direction: Direction
    number: int
    peer: int


@dataclass(frozen=True)
class Policies:
    """NetworkPolicies, and the labels of namespaces that their selectors may ask for."""

    items: tuple[Json, ...]
    namespaces: Mapping[str, Mapping[str, str]]

    def rules(self) -> Iterator[Rule]:
        """Every rule, each peer by itself."""
        for policy in self.items:
            metadata = policy["metadata"]
            for direction, key in _SIDES:
                for index, rule in enumerate(policy["spec"].get(direction) or ()):
                    peers = range(len(rule[key])) if rule.get(key) else (-1,)
                    for peer in peers:
                        yield Rule(metadata["namespace"], metadata["name"], direction, index, peer)

    def family(self, rule: Rule) -> str:
        """What rules of the same meaning in policies of several resources have in common."""
        policy = next(
            item
            for item in self.items
            if (item["metadata"]["namespace"], item["metadata"]["name"]) == (rule.namespace, rule.policy)
        )
        labels = policy["metadata"].get("labels", {})
        written = policy["spec"][rule.direction][rule.number]
        key = dict(_SIDES)[rule.direction]
        peer = written[key][rule.peer] if rule.peer >= 0 else "anywhere"
        component = labels.get("app.kubernetes.io/component", rule.policy)
        text = json.dumps([component, rule.direction, peer, written.get("ports")], sort_keys=True)
        instance = labels.get("app.kubernetes.io/instance", "")
        return text.replace(f'"{instance}', '"NAME') if instance else text

    def allow(self, flow: Flow, without: frozenset[Rule] = frozenset()) -> bool:
        """Whether both sides allow it, as if the rules `without` were not there."""
        return self._side(flow, "egress", flow.source, without) and self._side(
            flow, "ingress", flow.destination, without
        )

    def concerns(self, flow: Flow) -> bool:
        """Whether any policy selects one of its ends."""
        return any(
            _selects(policy, pod) for policy in self.items for pod in (flow.source, flow.destination) if pod is not None
        )

    def _side(self, flow: Flow, direction: Direction, pod: Pod | None, without: frozenset[Rule]) -> bool:
        if pod is None:
            return True
        selecting = [policy for policy in self.items if _selects(policy, pod) and direction in _types(policy)]
        if direction == "ingress" and flow.source is None and _is_node(flow.source_address, flow.destination_address):
            return True
        return not selecting or any(self._policy_allows(policy, flow, direction, without) for policy in selecting)

    def _policy_allows(self, policy: Json, flow: Flow, direction: Direction, without: frozenset[Rule]) -> bool:
        key = dict(_SIDES)[direction]
        namespace, name = policy["metadata"]["namespace"], policy["metadata"]["name"]
        other = flow.source if direction == "ingress" else flow.destination
        address = flow.source_address if direction == "ingress" else flow.destination_address
        for index, rule in enumerate(policy["spec"].get(direction) or ()):
            if not _port_matches(rule.get("ports"), flow):
                continue
            if not rule.get(key):
                if Rule(namespace, name, direction, index, -1) not in without:
                    return True
                continue
            for number, peer in enumerate(rule[key]):
                if Rule(namespace, name, direction, index, number) in without:
                    continue
                if self._peer_matches(peer, namespace, other, address):
                    return True
        return False

    def _peer_matches(self, peer: Json, home: str, other: Pod | None, address: str) -> bool:
        if "ipBlock" in peer:
            return _in_block(peer["ipBlock"], address)
        if other is None:
            return False
        if "namespaceSelector" in peer:
            if not matches(peer["namespaceSelector"], self.namespaces.get(other.namespace, {})):
                return False
        elif other.namespace != home:
            return False
        return matches(peer.get("podSelector", {}), other.labels)


_SIDES: tuple[tuple[Direction, str], ...] = (("ingress", "from"), ("egress", "to"))


def matches(selector: Json, labels: Mapping[str, str]) -> bool:
    """Whether a label selector selects; an empty one selects everything. Raises ValueError for an unknown operator."""
    wanted: Mapping[str, str] = selector.get("matchLabels") or {}
    if any(labels.get(key) != value for key, value in wanted.items()):
        return False
    return all(_expression_holds(one, labels) for one in selector.get("matchExpressions") or ())


def _expression_holds(expression: Json, labels: Mapping[str, str]) -> bool:
    value, values = labels.get(expression["key"]), expression.get("values") or ()
    match expression["operator"]:
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
    raise ValueError(f"unknown operator {expression['operator']}")


def _selects(policy: Json, pod: Pod) -> bool:
    return bool(policy["metadata"]["namespace"] == pod.namespace) and matches(
        policy["spec"].get("podSelector") or {}, pod.labels
    )


def _types(policy: Json) -> set[str]:
    spec = policy["spec"]
    given: Iterable[str] = spec.get("policyTypes") or ["Ingress", *(["Egress"] if spec.get("egress") else [])]
    return {one.lower() for one in given}


def _port_matches(ports: Iterable[Json] | None, flow: Flow) -> bool:
    if not ports:
        return True
    for port in ports:
        if port.get("protocol", "TCP") != flow.protocol:
            continue
        wanted = port.get("port")
        if isinstance(wanted, str):
            wanted = flow.destination.ports.get(wanted) if flow.destination else None
            if wanted is None:
                continue
        if wanted is None or wanted <= flow.port <= port.get("endPort", wanted):
            return True
    return False


def _in_block(block: Json, address: str) -> bool:
    asked = ipaddress.ip_address(address)
    if asked not in ipaddress.ip_network(block["cidr"]):
        return False
    return not any(asked in ipaddress.ip_network(one) for one in block.get("except") or ())


def _is_node(address: str, pod_address: str) -> bool:
    """Whether an address is the node's on the pods' own bridge: policies never refuse it (probes come from there)."""
    network = ipaddress.ip_network(f"{pod_address}/24", strict=False)
    return ipaddress.ip_address(address) == network.network_address + 1
