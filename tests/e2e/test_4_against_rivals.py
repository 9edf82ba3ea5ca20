"""Ours against a real HorizontalPodAutoscaler on CPU and a real KEDA on requests per second.

The same pods, limits, load and start, in turns. The HPA aims at 40 % of the limit, which a search over training
scenarios found best for it (bench/autoscaler/tuned.json); KEDA at as many requests as make 40 % of it. `-k hpa` runs
without KEDA, whose programs take many minutes to build.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

import pytest

from tests.e2e import keda, scaled
from tests.e2e.kubernetes import NAMESPACE, RESOURCE, Kubernetes

pytestmark = [pytest.mark.timeout(4800), pytest.mark.full]

DEPLOYMENT = f"{RESOURCE}-app"
OURS, HPA, KEDA = "ours", "hpa-40", "keda-rps"
TURNS = ((OURS, HPA, KEDA), (KEDA, OURS, HPA), (HPA, KEDA, OURS))
"""Each stands first, second and last once."""
POD_MIN, POD_MAX = 2, 8
TAKE_OVER = 15
"""Seconds of the load at which the scaler is let loose: it finds a load that is there."""
CALM = 15
"""Seconds without load between two courses: what the one before used must be gone from everybody's windows."""
PATH = "/my/referrals"
"""What members look at when bidding opens. The log-in page would be a bad course: it costs a full pod so much less than
an idle one (0.9 ms, 2.2 ms) that two pods at an HPA's aim of 40 % just carry six times the load."""


class Plan(NamedTuple):
    """Seconds at which the load grows, and at which it ends."""

    step: int
    length: int
    before: int = 18
    after: int = 108
    """Requests a second: two pods are below everybody's aim at the one; at the other they lack a fifth or more."""

    @property
    def rates(self) -> str:
        return f"0:{self.before},{self.step}:{self.after}"


COURSE = Plan(step=30, length=180)
"""Long enough for everybody to come to rest: who comes late must not be called thrifty for it."""
REHEARSAL = Plan(step=100, length=210)
"""Ours learns what such a request costs, as it does in any hour of work, from pods that are older than a minute."""
AIM = 0.4
"""Of a pod's limit, which is what it requests too: an HPA's percentages are of the request."""
POD_CPU = 0.150
CPU_PER_REQUEST = 0.006
"""Core seconds of a page where pods are at about this aim, with probes and scrapes: two used 0.07 to 0.1 cores at 14 a
second, eight 0.5 at 84. Full ones need 3.5 ms."""
REQUESTS_PER_POD = round(AIM * POD_CPU / CPU_PER_REQUEST)
"""KEDA's threshold: what a pod answers per second at the HPA's aim."""
OFFERED = f'ip2a_http_requests_offered_total{{namespace="{NAMESPACE}",ip2a="{RESOURCE}",component="app"}}'
SCALED_OBJECT = {
    "scaleTargetRef": {"name": DEPLOYMENT},
    "minReplicaCount": POD_MIN,
    "maxReplicaCount": POD_MAX,
    "pollingInterval": 5,
    "triggers": [
        {
            "type": "prometheus",
            "metadata": {
                "serverAddress": "http://prometheus.monitoring.svc:9090",
                # by the last two scrapes of each pod, even if one was lost: nothing is fresher
                "query": f"sum(irate({OFFERED}[20s]))",
                "threshold": str(REQUESTS_PER_POD),
            },
        }
    ],
}

Course = Mapping[str, int]


@pytest.fixture(scope="module", autouse=True)
def _auto(kubernetes: Kubernetes) -> Iterator[None]:
    with scaled.auto(kubernetes):
        yield
        scaled.patch(kubernetes, {"app": {"replicas": None}})


@pytest.fixture(scope="module")
def keda_is_there(kubernetes: Kubernetes) -> Iterator[None]:
    """During everybody's courses, so that nobody has more of the machine than the others."""
    with keda.installed(kubernetes):
        yield


@pytest.fixture(scope="module")
def courses(kubernetes: Kubernetes, request: pytest.FixtureRequest) -> Mapping[str, Sequence[Course]]:
    """Courses of ours and of those rivals whose comparison was asked for."""
    asked = {OURS} | {
        item.callspec.params["rival"]
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.path == request.path and "rival" in item.fixturenames
    }
    if KEDA in asked:
        request.getfixturevalue("keda_is_there")
    scaled.TRACES.mkdir(parents=True, exist_ok=True)
    for stale in scaled.TRACES.glob("against-rivals*"):  # courses of two runs must not be compared with each other
        stale.unlink()
    _course(kubernetes, OURS, "rehearsal", REHEARSAL)
    found: dict[str, list[Course]] = defaultdict(list)
    for number, turn in enumerate(TURNS):
        for policy in turn:
            if policy in asked:
                found[policy].append(_course(kubernetes, policy, str(number)))
                (scaled.TRACES / "against-rivals.json").write_text(json.dumps(found, indent=1) + "\n")
    return found


@pytest.mark.usefixtures("keda_is_there")
def test_a_scaled_object_of_keda_stops_ours(kubernetes: Kubernetes) -> None:
    name = "rival"
    with keda.scaled_object(kubernetes, NAMESPACE, name, SCALED_OBJECT):
        kubernetes.eventually(
            lambda: f"ScaledObject/{name}" in scaled.condition(kubernetes, "Conflict").get("message", "").split(", "),
            within=60,
            what="KEDA is named",
        )
        assert scaled.condition(kubernetes, "Conflict")["status"] == "True"
        assert scaled.condition(kubernetes, "ScalingActive")["status"] == "False"
    kubernetes.eventually(
        lambda: scaled.condition(kubernetes, "Conflict").get("status") == "False", within=60, what="the rival is gone"
    )


@pytest.mark.parametrize("rival", [HPA, KEDA])
def test_fewer_seconds_over_the_objective_for_no_more_pods(courses: Mapping[str, Sequence[Course]], rival: str) -> None:
    def total(policy: str, figure: str) -> int:
        return sum(course[figure] for course in courses[policy])

    assert all(course["most"] > POD_MIN for course in courses[rival]), f"it was at work: {courses}"
    assert total(OURS, "violationSeconds") < total(rival, "violationSeconds"), courses
    assert total(OURS, "podSeconds") <= total(rival, "podSeconds"), courses


@contextmanager
def _rival(kubernetes: Kubernetes, policy: str) -> Iterator[None]:
    """A rival at work while ours changes nothing.

    The operator's replicas are drift to an HPA's eyes and the other way round: the spec must not say any.
    """
    kubernetes.run("-n", NAMESPACE, "annotate", "ip2a", RESOURCE, "ip2a.dev/paused=true", "--overwrite")
    try:
        if policy == KEDA:
            with keda.scaled_object(kubernetes, NAMESPACE, DEPLOYMENT, SCALED_OBJECT):
                yield
        else:
            limits = (f"--min={POD_MIN}", f"--max={POD_MAX}", f"--cpu={100 * AIM:.0f}%")
            kubernetes.run("-n", NAMESPACE, "autoscale", "deployment", DEPLOYMENT, *limits)
            try:
                yield
            finally:
                kubernetes.run("-n", NAMESPACE, "delete", "hpa", DEPLOYMENT)
    finally:
        kubernetes.run("-n", NAMESPACE, "annotate", "ip2a", RESOURCE, "ip2a.dev/paused-")


@contextmanager
def _ours(kubernetes: Kubernetes) -> Iterator[None]:
    scaled.patch(kubernetes, {"autoscaling": {"app": {"mode": "Auto"}}})
    yield


def _course(kubernetes: Kubernetes, policy: str, turn: str, plan: Plan = COURSE) -> Course:
    """One course of load from two pods on, under one of the scalers.

    Only the pods change hands: the mode of the whole decides how much room PostgreSQL makes, and that is a restart.
    """
    app = {"min": POD_MIN, "max": POD_MAX, "mode": "Off"}
    scaled.patch(kubernetes, {"autoscaling": {"app": app}, "app": {"replicas": POD_MIN}})
    kubernetes.eventually(
        lambda: (now := scaled.sizes(kubernetes))["app"] == POD_MIN == now["ready"], within=90, what="two pods"
    )
    name = f"against-rivals-{turn}-{policy}"
    scaler = _ours(kubernetes) if policy == OURS else _rival(kubernetes, policy)
    time.sleep(CALM)
    asks = ("--tokens", str(scaled.logins(kubernetes)), "--path", PATH)
    with (
        scaled.watching(kubernetes, name) as seen,
        ExitStack() as stack,
        scaled.load(name, plan.rates, plan.length, *asks) as rows,
    ):
        time.sleep(TAKE_OVER)
        stack.enter_context(scaler)  # which is left when the load has ended
    step = rows[plan.step]["at"]
    first = next((row["at"] for row in seen.rows if row["app"] > POD_MIN and row["at"] >= step), 0)
    return {
        "violationSeconds": len(scaled.violations(rows, plan.step)),
        "podSeconds": seen.integral("ready"),
        "firstScaleUpAfter": int(first - step) if first else -1,
        "podsBefore": next(row["app"] for row in seen.rows if row["at"] >= step),
        "failed": int(sum(row["failed"] for row in rows)),
        "most": max(seen.series("app")),
    }
