"""The product's own core as a policy: the same `decide`, fed from the simulated metrics."""

from dataclasses import replace

from ip2a_operator.api.autoscaling import AutoscalingStatus
from ip2a_operator.domain.autoscaling import ledger
from ip2a_operator.domain.autoscaling.decide import decide
from ip2a_operator.domain.autoscaling.decision import Decision
from ip2a_operator.domain.autoscaling.signals import validate
from ip2a_operator.domain.autoscaling.spec import Actuator, Mode, ReplicasSpec, ScalerSpec
from ip2a_operator.domain.autoscaling.state import State
from ip2a_operator.domain.scaling import publish
from ip2a_operator.simulation.model import World
from ip2a_operator.simulation.observe import Observer
from ip2a_operator.simulation.scenario import Scenario

EPOCH = 1_800_000_000.0
"""Start of simulated time: a Friday, 08:00 UTC."""


def simulated_spec(scenario: Scenario, base: ScalerSpec | None = None) -> ScalerSpec:
    """The product's defaults in Auto mode; only what scenarios compress in time is shortened."""
    spec = base or ScalerSpec(replicas=ReplicasSpec(scale_down_after=600.0, max=6))
    return replace(
        spec,
        mode=Mode.AUTO,
        app=replace(
            spec.app,
            max=scenario.max_pods,
            in_flight_per_pod=scenario.platform.in_flight,
            pool_size=scenario.platform.engine,
            max_overflow=0,
            read_pool_size=scenario.platform.engine,
            read_max_overflow=0,
            max_surge=0.25,
        ),
        # In the simulated world nobody looks up passwords, poolers are never rolled, and a pod has one pool.
        pool=replace(spec.pool, pairs=1, max_surge=0.0, max_client_conn=1000),
        schedules=(*spec.schedules, *scenario.schedules),
    )


class Product:
    """`decide` in a loop. Counts what must be zero: broken invariants, decreases on data that is not fresh."""

    def __init__(self, spec: ScalerSpec, period: int = 5) -> None:
        self.spec, self.period = spec, period
        self.state = State()
        self.decisions: list[Decision] = []
        self.broken = 0
        self.stale_decreases = 0
        self.status = ""
        """`status.autoscaling` as the API server has it: written when a decision changes, all that a restart finds."""
        self._signature: tuple[object, ...] = ()
        self._ready: set[float] = set()

    def act(self, world: World, observer: Observer) -> None:
        """One tick."""
        snapshot = observer.snapshot(self._leads(world))
        now = EPOCH + world.now
        fresh = validate(snapshot, self.state.last_offered, self.spec).fresh
        decision = decide(snapshot, self.state, self.spec, now)
        self.broken += len(decision.alerts)
        self.state = decision.state
        self.decisions.append(decision)
        for each in decision.writes:
            self.stale_decreases += each.applied < each.current and not fresh
            if each.actuator is Actuator.APP:
                world.want_pods = each.applied
            elif each.actuator is Actuator.REPLICAS:
                world.want_replicas = each.applied
            elif each.actuator is Actuator.POOL_RW:
                world.want_pool_size(0, each.applied)
            elif each.actuator is Actuator.POOL_RO:
                world.want_pool_size(1, each.applied)
        fleet = observer.snapshot().fleet if decision.writes else snapshot.fleet
        worst = ledger.worst(fleet, ledger.current_targets(fleet), self.spec.pool)
        self.broken += worst > ledger.budget(fleet.database, self.spec.connections)
        if publish.signature(decision) != self._signature:
            self._signature = publish.signature(decision)
            self.status = publish.published(decision, self.spec, "").model_dump_json(by_alias=True)

    def restart(self, world: World, observer: Observer) -> None:
        """The operator is back after its death, with nothing but the status."""
        document = AutoscalingStatus.model_validate_json(self.status).state if self.status else {}
        present = ledger.current_targets(observer.snapshot().fleet)
        self.state = publish.revived(document, present, EPOCH + world.now)
        self._signature = ()
        self._ready = {pod.ready_at for pod in world.fleet if pod.ready_at <= world.now}

    def _leads(self, world: World) -> tuple[tuple[str, float], ...]:
        fresh = {pod.ready_at for pod in world.fleet if 0 < pod.ready_at <= world.now} - self._ready
        self._ready |= fresh
        return tuple(("app", world.platform.pod_delay) for _ in sorted(fresh)[:2])
