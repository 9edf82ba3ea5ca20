"""How often what is asked: the metrics API at every tick only while Prometheus knows nothing. Both are made up here."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import cast

import pytest

from ip2a_operator.domain.builders.metadata import Component
from ip2a_operator.domain.scaling.fleet import PodFacts, Seen
from ip2a_operator.domain.scaling.readings import PodUsage, Sample
from ip2a_operator.domain.tree import Tree
from ip2a_operator.errors import OperatorError
from ip2a_operator.reconcile.ports import Key, Metrics, Neighbours, ScalingMeter
from ip2a_operator.reconcile.sight import SLOW_TICKS, USAGE_WINDOW, Sight, View, usage_of
from ip2a_operator.reconcile.subjects import Subject

SUBJECT = cast(
    "Subject",
    SimpleNamespace(prometheus="http://here", spec=SimpleNamespace(scrape_interval=5.0), key=Key("union", "local46")),
)
CLOCK = Sample({"signal": "time"}, 1000.0)
OFFERED = Sample({"signal": "offered", "namespace": "union", "ip2a": "local46"}, 12.0)


class Made:
    """A Prometheus, a metrics API and a meter, which count how often they are asked."""

    def __init__(self, answer: Sequence[Sample] | None) -> None:
        self.answer = answer
        self.usage = self.rivals = self.failures = 0

    async def query(self, url: str, query: str) -> Sequence[Sample]:
        """The samples given, or none at all."""
        if self.answer is None:
            raise OperatorError(f"{url} does not answer")
        return self.answer

    async def list_pod_usage(self, namespace: str) -> tuple[Tree, ...]:
        """Nobody uses anything."""
        self.usage += 1
        return ()

    async def list_scalers(self, namespace: str) -> tuple[tuple[str, Tree], ...]:
        """No rivals."""
        self.rivals += 1
        return ()

    def failed(self, what: str) -> None:
        """Counted."""
        self.failures += 1


@pytest.mark.parametrize(
    ("answer", "every_tick"),
    [
        pytest.param((CLOCK, OFFERED), False, id="known"),
        pytest.param((CLOCK,), True, id="empty"),
        pytest.param(None, True, id="silent"),
    ],
)
async def test_usage_is_asked_for_every_tick_only_while_it_is_all_there_is(
    answer: Sequence[Sample] | None, every_tick: bool
) -> None:
    made = Made(answer)
    sight = Sight(cast("Metrics", made), cast("Neighbours", made), cast("ScalingMeter", made), ())
    for tick in range(2 * SLOW_TICKS):
        await sight.look([SUBJECT], float(tick))
    assert made.usage == (2 * SLOW_TICKS if every_tick else 2)
    assert made.rivals == 2
    assert made.failures == (2 * SLOW_TICKS if answer is None else 0)


def test_what_is_said_of_pods_while_they_started_is_left_out() -> None:
    """A rolling update burns every pod's CPU: nobody asked for anything."""
    age, now = 10.0, 5000.0

    def pod(name: str, ready_since: float) -> PodFacts:
        return PodFacts(
            name, Component.APP, "", "", made=0.0, ready_since=ready_since, deleting=False, unschedulable=False
        )

    pods = (pod("old", now - age - USAGE_WINDOW), pod("new", now - age - USAGE_WINDOW + 1.0), pod("starting", 0.0))
    view = View({}, {("union", each.name): PodUsage(each.name, "app", 0.14, age) for each in pods})
    usage = usage_of(SUBJECT, Seen(None, None, None, None, pods), view, now)
    assert [each.pod for each in usage.app] == ["old"]
    assert usage.starting == 1
