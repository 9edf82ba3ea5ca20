"""`ip2a explain --scaling`, `replay` and `simulate` as people call them."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from click.testing import CliRunner

from ip2a_operator.adapters.kube import KubeCluster
from ip2a_operator.cli.commands import ip2a
from ip2a_operator.cli.gather import View
from ip2a_operator.cli.scaling import Asked, acquainted, expect, expected, proxy_path, spec_of, told
from ip2a_operator.domain.autoscaling import record
from ip2a_operator.domain.autoscaling.decide import decide
from ip2a_operator.domain.autoscaling.spec import Mode
from ip2a_operator.domain.autoscaling.state import State
from ip2a_operator.domain.observed import Observed
from ip2a_operator.errors import OperatorError
from ip2a_operator.reconcile.ports import Key
from tests.unit.operator.autoscaling.worlds import AUTO, NOW, settled, world
from tests.unit.operator.autoscaling.worlds import run as settle
from tests.unit.operator.worlds import SURROUNDINGS

SAMPLE = Path(__file__).parents[4] / "manifests" / "samples" / "minimal.yaml"


def run(*arguments: str, **options: Any) -> Any:
    return CliRunner().invoke(ip2a, [*arguments], **options)


def log() -> str:
    """An operator's log: decisions among other lines, the container runtime's prefix included."""
    state, lines = settled(), ['{"level": "info", "message": "leading"}']
    for tick in range(3):
        seen = world(offered=400.0 + tick)
        decision = decide(seen, state, AUTO, NOW + 5.0 * tick)
        lines += [
            f"2026-11-22T12:00:00Z stdout F {record.line('members/local46', seen, state, AUTO, decision)}",
            "plain",
        ]
        state = decision.state
    return "\n".join(lines)


def test_replay_comes_to_the_same_decisions() -> None:
    done = run("replay", "-", input=log())
    assert (done.exit_code, done.output) == (0, "3 decisions, 0 different\n")


def test_replay_of_a_changed_log_says_which_line(tmp_path: Path) -> None:
    file = tmp_path / "operator.log"
    file.write_text(log().replace('"value":401.0', '"value":990.0'))
    done = run("replay", str(file))
    assert done.exit_code == 1
    assert "line 4: decided otherwise" in done.output
    assert "3 decisions, 1 different" in done.output


def test_replay_of_no_decisions_is_no_success() -> None:
    assert run("replay", "-", input="nothing\n").exit_code == 1


def test_explain_with_and_without_a_question() -> None:
    seen, state = world(), settled()
    asked = Asked(decide(seen, state, AUTO, NOW), seen, state, AUTO, NOW)
    assert told(asked, None).startswith("Sees\n")
    wondering = told(asked, 8000.0)
    assert wondering.startswith("If 8000 users were signed in")
    assert "app pods: goes from 4 to" in wondering
    nobody = world(users=0.0)
    with pytest.raises(OperatorError, match="what-if needs present users"):
        told(Asked(decide(nobody, state, AUTO, NOW), nobody, state, AUTO, NOW), 100.0)


def test_plan_tells_each_actuators_move() -> None:
    seen, state = world(offered=2000.0, offeredFast=2000.0, reads=1800.0), settled()
    spec = replace(AUTO, replicas=replace(AUTO.replicas, mode=Mode.OFF))
    first, *lines = expected(Asked(settle(seen, state, spec), seen, state, spec, NOW))
    assert first == "autoscaler: mode Auto, bottleneck Healthy"
    assert lines[0] == "    writing pool size per PgBouncer pod: stays at 6, limited by Stabilizing"
    assert any(line.startswith("    app pods: goes from 4 to ") for line in lines)
    assert not any("replicas" in line for line in lines)


def test_plan_asks_nobody_about_a_resource_that_is_not_there() -> None:
    view = View(Key("members", "local46"), None, Observed(), SURROUNDINGS)
    with pytest.raises(OperatorError, match="not there"):
        asyncio.run(expect(cast("KubeCluster", None), view, {}, ""))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--what-if", "users=5"), "needs --scaling"),
        (("--scaling", "--what-if", "pods=5"), "users=N"),
        (("--scaling", "--what-if", "users=many"), "users=N"),
        (("--scaling", "--what-if", "users=0"), "users=N"),
    ],
)
def test_a_wrong_question_is_refused(arguments: tuple[str, ...], words: str) -> None:
    done = run("explain", "local46", *arguments)
    assert done.exit_code == 2
    assert words in done.output


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("http://prometheus.monitoring.svc:9090", "/api/v1/namespaces/monitoring/services/prometheus:9090/proxy"),
        ("http://p.m.svc.cluster.local/base/", "/api/v1/namespaces/m/services/p:80/proxy/base"),
        ("https://p.m:9443", "/api/v1/namespaces/m/services/https:p:9443/proxy"),
        ("http://prometheus.example.org", ""),
        ("http://localhost:9090", ""),
    ],
)
def test_a_services_url_is_reached_through_the_api_server(url: str, path: str) -> None:
    assert proxy_path(url) == path


@pytest.mark.untraced
def test_simulate_draws_what_the_rules_make_of_a_trace(tmp_path: Path) -> None:
    trace, page = tmp_path / "trace.csv", tmp_path / "out.html"
    trace.write_text("second,users\n0,200\n60,900\n120,900\n")
    done = run("simulate", "--trace", str(trace), "--spec", str(SAMPLE), "--out", str(page))
    assert done.exit_code == 0, done.output
    assert "requests, " in done.output
    assert "data:image/png;base64," in page.read_text()
    assert not page.with_suffix(".png").exists()
    trace.write_text("second,users\n0,x\n1,2\n")
    broken = run("simulate", "--trace", str(trace), "--spec", str(SAMPLE))
    assert broken.exit_code == 2
    assert "line 2" in broken.output


def test_a_look_from_outside_knows_the_demand_that_the_status_leaves_out() -> None:
    state = acquainted(State(), world(offered=200.0), NOW)
    assert len(state.samples) >= 8
    assert {rate for _, rate in state.samples} == {200.0}
    assert acquainted(State(), world(offered=None), NOW) == State()
    assert acquainted(settled(), world(), NOW) == settled()


def test_the_spec_is_read_from_an_ip2a() -> None:
    assert spec_of(SAMPLE).app.min == 2
