"""NetworkPolicies against what really happened: every flow was allowed, and every rule was needed for one of them.

After all tests that make pods talk. There is no enforcer on the embedded cluster, so that what policies would refuse
was not refused.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest

from tests.e2e.flow_recorder import FlowRecorder
from tests.e2e.network_policies import Rule

pytestmark = pytest.mark.full  # its flows are those of all tests, also the long ones


def test_every_flow_was_allowed_and_every_rule_was_needed(flows: FlowRecorder, artifacts: Path) -> None:
    policies = flows.policies()
    seen = {flow for flow in flows.flows() if policies.concerns(flow)}
    (artifacts / "flows.txt").write_text("\n".join(sorted(map(str, seen))))
    assert sorted(str(flow) for flow in seen if not policies.allow(flow)) == []
    families: defaultdict[str, set[Rule]] = defaultdict(set)
    for rule in policies.rules():
        families[policies.family(rule)].add(rule)
    assert families

    def needed(rules: set[Rule]) -> bool:
        return any(not policies.allow(flow, frozenset(rules)) for flow in seen)

    unneeded = sorted(family for family, rules in families.items() if not needed(rules))
    assert not unneeded, "\n".join(unneeded)
