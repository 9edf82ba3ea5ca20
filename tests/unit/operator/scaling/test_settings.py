"""Bounds and modes out of the resource, and what is said back: short, and only when something was decided."""

import json
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from ip2a_operator.api.conditions import SCALING
from ip2a_operator.domain.autoscaling.decide import decide
from ip2a_operator.domain.autoscaling.spec import Actuator, Mode, ScalerSpec
from ip2a_operator.domain.autoscaling.state import State, from_json
from ip2a_operator.domain.observed import Observed
from ip2a_operator.domain.plan import make_stack
from ip2a_operator.domain.resource import parse
from ip2a_operator.domain.scaling import publish
from ip2a_operator.domain.scaling.rivals import rivals
from ip2a_operator.domain.scaling.settings import cores, scaler_spec
from tests.unit.operator.autoscaling.worlds import AUTO, NOW, settled, world
from tests.unit.operator.worlds import SURROUNDINGS, resource, sample


def spec_of(**spec: Any) -> ScalerSpec:
    return scaler_spec(make_stack(resource(spec), Observed(), SURROUNDINGS))


def test_the_smallest_resource() -> None:
    found = spec_of()
    assert found.mode is Mode.RECOMMEND
    assert (found.app.min, found.app.max, found.app.cpu_per_pod) == (2, 10, 1.0)
    assert (found.replicas.min, found.replicas.max, found.replicas.max_sync) == (1, 3, 0)
    assert (found.pool.min, found.pool.max_per_instance, found.pool.pods_min) == (5, None, 1)
    assert all(found.mode_of(actuator) is Mode.RECOMMEND for actuator in Actuator)


def test_given_bounds_win() -> None:
    found = spec_of(
        autoscaling={
            "mode": "Auto",
            "app": {"min": 3, "max": 5, "targetUtilizationPercent": 60},
            "database": {"mode": "Recommend", "min": 2, "max": 6, "spare": 1, "maxLagSeconds": 9},
            "pool": {"min": 4, "max": 20},
            "slo": {"p95Milliseconds": 300, "errorPercent": 2},
            "schedules": [{"name": "bids", "cron": "25 17 * * *", "timeZone": "America/Los_Angeles", "app": 4}],
            "drainWindowSeconds": 60,
        },
        app={"resources": {"limits": {"cpu": "200m"}}},
        database={"durability": "synchronous"},
        monitoring={"scrapeIntervalSeconds": 10},
    )
    assert (found.app.min, found.app.max, found.app.cpu_per_pod) == (3, 5, 0.2)
    assert (found.app.target_utilization, found.slo.p95, found.slo.error_rate) == (0.6, 0.3, 0.02)
    assert (found.replicas.min, found.replicas.max, found.replicas.max_sync) == (1, 5, 1)
    assert (found.replicas.spare, found.replicas.max_lag) == (1, 9.0)
    assert found.mode_of(Actuator.APP) is Mode.AUTO
    assert found.mode_of(Actuator.REPLICAS) is Mode.RECOMMEND
    assert (found.pool.max_per_instance, found.drain.window, found.stale_after) == (20, 60.0, 30.0)
    assert (found.schedules[0].floor.app, found.schedules[0].tz) == (4, "America/Los_Angeles")


def test_without_replicas_there_is_nothing_to_scale_for_reading() -> None:
    found = spec_of(database={"instances": 1}, autoscaling={"mode": "Auto"})
    for actuator in (Actuator.POOL_RO, Actuator.POOLERS_RO, Actuator.REPLICAS):
        assert found.mode_of(actuator) is Mode.OFF
    assert found.mode_of(Actuator.POOL_RW) is Mode.AUTO


@pytest.mark.parametrize(("text", "value"), [("250m", 0.25), ("1.5", 1.5), ("1200000n", 0.0012), ("7u", 7e-6)])
def test_cores(text: str, value: float) -> None:
    assert cores(text) == pytest.approx(value)


def test_the_status_stays_small_whatever_happens() -> None:
    random, state, most = Random(7), State(), 0
    for tick in range(400):
        rate = random.lognormvariate(5.0, 1.5)
        seen = world(offered=rate, offeredFast=rate, served=rate, appCpu=rate * 0.006, rwWaiting=random.random() * 9)
        decision = decide(seen, state, AUTO, NOW + 5.0 * tick)
        state = decision.state
        status = publish.published(decision, AUTO, "http://prometheus.monitoring.svc:9090")
        found = publish.conditions(decision, 1)
        document = {"autoscaling": status.model_dump(by_alias=True, mode="json")}
        most = max(most, len(json.dumps(document, separators=(",", ":"))))
        assert {each.type for each in found} == SCALING
    assert most < publish.MAX_BYTES


def test_numbers_that_move_are_no_new_decision() -> None:
    state = settled()
    one = decide(world(offered=401.0), state, AUTO, NOW)
    other = decide(world(offered=403.0), one.state, AUTO, NOW + 5.0)
    assert publish.signature(one) == publish.signature(other)
    dark = decide(world(offered=None), other.state, AUTO, NOW + 10.0)
    assert publish.signature(dark) != publish.signature(other)


def test_one_rival_more_is_news() -> None:
    """KEDA's ScaledObject is seen before the HorizontalPodAutoscaler that KEDA makes of it."""
    first = replace(world(), rivals=("ScaledObject/app",))
    one = decide(first, settled(), AUTO, NOW)
    two = decide(replace(first, rivals=("HorizontalPodAutoscaler/app", *first.rivals)), one.state, AUTO, NOW + 5.0)
    assert publish.signature(one) != publish.signature(two)


def test_after_a_restart_what_was_learned_is_there_and_every_window_begins_anew() -> None:
    decision = decide(world(), settled(), AUTO, NOW)
    document = publish.published(decision, AUTO, "").state
    current = {each.actuator: each.current for each in decision.actuators}
    revived = publish.revived(document, current, NOW + 300.0)
    assert revived.estimates == decision.state.estimates
    assert revived.app.raised == decision.state.app.raised
    assert revived.samples == ()
    assert revived.fresh_since is None
    assert revived.app.needs == ((NOW + 300.0, float(current[Actuator.APP])),)
    after = decide(world(offered=1.0, offeredFast=1.0, served=1.0, appCpu=0.006), revived, AUTO, NOW + 305.0)
    assert not [each for each in after.writes if each.applied < each.current]
    from_json(document)


@pytest.mark.parametrize("document", [{"nonsense": 1}, {"last": "x"}])
def test_a_state_that_cannot_be_read_counts_as_none(document: dict[str, Any]) -> None:
    revived = publish.revived(document, dict.fromkeys(Actuator, 3), NOW)
    assert revived.estimates == State().estimates
    assert revived.app.needs == ((NOW, 3.0),)


def test_the_operator_never_sees_what_the_autoscaler_publishes() -> None:
    decision = decide(world(), settled(), AUTO, NOW)
    conditions = [each.model_dump(by_alias=True, mode="json") for each in publish.conditions(decision, 1)]
    status = publish.published(decision, AUTO, "").model_dump(by_alias=True, mode="json")
    raw = sample("minimal")
    raw["status"] = {"url": "http://x", "conditions": conditions, "autoscaling": status}
    found = parse(raw)
    assert found.status.conditions == ()
    assert found.status.autoscaling is None
    assert found.scaling is not None
    assert found.scaling.bottleneck == "Healthy"
    assert len(found.scaling_conditions) == len(SCALING)


def rival(kind: str, target: dict[str, str], path: str = "scaleTargetRef", **spec: Any) -> tuple[str, Any]:
    return kind, {"metadata": {"name": "r", "namespace": "members"}, "spec": {path: target, **spec}}


@pytest.mark.parametrize(
    ("scaler", "found"),
    [
        (rival("HorizontalPodAutoscaler", {"kind": "Deployment", "name": "local46-app"}), True),
        (rival("HorizontalPodAutoscaler", {"kind": "IP2A", "name": "local46"}), True),
        (rival("HorizontalPodAutoscaler", {"kind": "Deployment", "name": "other"}), False),
        (rival("ScaledObject", {"name": "local46-app"}), True),
        (rival("ScaledObject", {"kind": "Pooler", "name": "local46-pool-ro"}), True),
        (rival("VerticalPodAutoscaler", {"kind": "Cluster", "name": "local46-db"}, "targetRef"), True),
        (
            rival(
                "VerticalPodAutoscaler",
                {"kind": "Deployment", "name": "local46-app"},
                "targetRef",
                updatePolicy={"updateMode": "Off"},
            ),
            False,
        ),
    ],
)
def test_rivals(scaler: tuple[str, Any], found: bool) -> None:
    stack = make_stack(resource(), Observed(), SURROUNDINGS)
    assert bool(rivals(stack, [scaler])) is found
    elsewhere = (scaler[0], {**scaler[1], "metadata": {"name": "r", "namespace": "elsewhere"}})
    assert rivals(stack, [elsewhere]) == ()
