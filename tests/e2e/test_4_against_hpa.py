"""Ours against a real HorizontalPodAutoscaler on CPU: the same pods, limits, load and start, in turns.

It aims at 40 % of the limit, which a search over training scenarios found best for it (bench/autoscaler/tuned.json).
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Iterator

import pytest

from tests.e2e import scaled
from tests.e2e.kubernetes import NAMESPACE, RESOURCE, Kubernetes

pytestmark = [pytest.mark.timeout(2400), pytest.mark.full]

DEPLOYMENT = f"{RESOURCE}-app"
TURNS = (("ours", "hpa-40"), ("hpa-40", "ours"), ("ours", "hpa-40"))
POD_MAX = 8
STEP, LENGTH = 30, 85
CALM = 15
"""Seconds without load between two courses: what the one before used must be gone from everybody's windows."""
RATES = f"0:70,{STEP}:420"
REQUESTED = 1
"""Share of a pod's limit that it requests: an HPA's percentages are of the request."""


@pytest.fixture(scope="module", autouse=True)
def _auto(kubernetes: Kubernetes) -> Iterator[None]:
    with scaled.auto(kubernetes):
        yield


def test_fewer_seconds_over_the_objective_for_no_more_pods(kubernetes: Kubernetes) -> None:
    found: dict[str, list[dict[str, int]]] = defaultdict(list)
    scaled.TRACES.mkdir(parents=True, exist_ok=True)
    for number, turn in enumerate(TURNS):
        for policy in turn:
            found[policy].append(_course(kubernetes, policy, number))
            (scaled.TRACES / "against-hpa.json").write_text(json.dumps(found, indent=1) + "\n")

    def total(policy: str, figure: str) -> int:
        return sum(course[figure] for course in found[policy])

    assert total("ours", "violationSeconds") < total("hpa-40", "violationSeconds"), found
    assert total("ours", "podSeconds") <= total("hpa-40", "podSeconds"), found


def _course(kubernetes: Kubernetes, policy: str, turn: int) -> dict[str, int]:
    """One course of load from two pods on, under one of the scalers.

    Only the pods change hands: the mode of the whole decides how much room PostgreSQL makes, and that is a restart.
    """
    ours, _, percent = policy.partition("-")
    bounds = {"min": 2, "max": POD_MAX}
    scaled.patch(kubernetes, {"autoscaling": {"app": {**bounds, "mode": "Off"}}, "app": {"replicas": 2}})
    kubernetes.eventually(
        lambda: (now := scaled.sizes(kubernetes))["app"] == 2 == now["ready"], within=90, what="two pods"
    )
    time.sleep(CALM)
    if ours == "ours":
        scaled.patch(kubernetes, {"autoscaling": {"app": {"mode": "Auto"}}})
    else:
        # the operator's replicas are drift to an HPA's eyes and the other way round: the spec must not say any
        kubernetes.run("-n", NAMESPACE, "annotate", "ip2a", RESOURCE, "ip2a.dev/paused=true", "--overwrite")
        of_request = f"--cpu={float(percent) / REQUESTED:.0f}%"
        limits = (f"--min={bounds['min']}", f"--max={bounds['max']}", of_request)
        kubernetes.run("-n", NAMESPACE, "autoscale", "deployment", DEPLOYMENT, *limits)
    name = f"against-hpa-{turn}-{policy}"
    try:
        with scaled.watching(kubernetes, name) as seen, scaled.load(name, RATES, LENGTH) as rows:
            pass
    finally:
        if ours != "ours":
            kubernetes.run("-n", NAMESPACE, "delete", "hpa", DEPLOYMENT)
            kubernetes.run("-n", NAMESPACE, "annotate", "ip2a", RESOURCE, "ip2a.dev/paused-")
    step = rows[STEP]["at"]
    first = next((row["at"] for row in seen.rows if row["app"] > 2 and row["at"] >= step), 0)
    return {
        "violationSeconds": len(scaled.violations(rows, STEP)),
        "podSeconds": seen.integral("ready"),
        "firstScaleUpAfter": int(first - step) if first else -1,
        "podsBefore": next(row["app"] for row in seen.rows if row["at"] >= step),
        "failed": int(sum(row["failed"] for row in rows)),
        "most": max(seen.series("app")),
    }
