"""From the resource to what `decide` must know of it: bounds, modes and what one pod of each kind is."""

from ip2a_operator.domain.autoscaling.spec import (
    AppSpec,
    DrainSpec,
    Floor,
    ForecastSpec,
    Mode,
    Objective,
    PoolSpec,
    ReplicasSpec,
    ScalerSpec,
    Schedule,
)
from ip2a_operator.domain.handover import mode_of
from ip2a_operator.domain.stack import Stack

MAX_PODS = 10
"""Most app pods when the spec gives no bound and derives fewer than a third of them."""
MAX_INSTANCES = 4
MIN_POOL = 5
MIN_PODS = 2


def scaler_spec(stack: Stack) -> ScalerSpec:
    """The autoscaler's view of a resource. External databases have nothing to scale behind the app."""
    spec = stack.resource.spec
    wanted = spec.autoscaling
    return ScalerSpec(
        mode=Mode(wanted.mode),
        slo=Objective(p95=wanted.slo.p95_milliseconds / 1000.0, error_rate=wanted.slo.error_percent / 100.0),
        app=_app(stack),
        pool=_pool(stack),
        replicas=_replicas(stack),
        drain=DrainSpec(window=float(wanted.drain_window_seconds)),
        scrape_interval=float(spec.monitoring.scrape_interval_seconds),
        stale_after=3.0 * spec.monitoring.scrape_interval_seconds,
        schedules=tuple(
            Schedule(
                name=each.name,
                cron=each.cron,
                tz=each.time_zone,
                duration=60.0 * each.duration_minutes,
                lead=60.0 * each.lead_minutes,
                floor=Floor(each.app, each.replicas),
            )
            for each in wanted.schedules
        ),
        forecast=ForecastSpec(enabled=wanted.forecast),
    )


def cores(quantity: str) -> float:
    """CPU as Kubernetes writes it (`250m`, `1.5`, `1200000n`) in cores; raises ValueError."""
    for suffix, factor in (("n", 1e-9), ("u", 1e-6), ("m", 1e-3)):
        if quantity.endswith(suffix):
            return float(quantity[:-1]) * factor
    return float(quantity)


def cpu_limit(given: object, derived: int) -> float:
    """Cores a container may use: the spec's limit, or the derived one in thousandths."""
    limits = getattr(given, "limits", None)
    stated = getattr(limits, "cpu", None)
    return cores(stated) if isinstance(stated, str) else derived / 1000.0


def _app(stack: Stack) -> AppSpec:
    spec, sizes = stack.resource.spec, stack.sizes
    bounds = spec.autoscaling.app
    least = bounds.min or max(1, min(MIN_PODS, sizes.app_replicas))
    limit = cpu_limit(spec.app.resources, sizes.app.cpu_limit)
    return AppSpec(
        mode=Mode(mode_of(spec, "Deployment")),
        min=least,
        max=max(least, bounds.max or max(MAX_PODS, 3 * sizes.app_replicas)),
        target_utilization=bounds.target_utilization_percent / 100.0,
        drain_utilization=0.87 * bounds.target_utilization_percent / 100.0,
        cpu_per_pod=min(limit, float(spec.app.processes)),
        workers=spec.app.processes,
        pool_size=sizes.client_pool,
        max_overflow=sizes.client_overflow,
        read_pool_size=sizes.client_pool,
        read_max_overflow=sizes.client_overflow,
        in_flight_per_pod=max(8, 2 * spec.app.processes * (sizes.client_pool + sizes.client_overflow)),
    )


def _pool(stack: Stack) -> PoolSpec:
    spec, sizes = stack.resource.spec, stack.sizes
    bounds, write, read = spec.autoscaling.pool, sizes.write, sizes.read
    mode = Mode.OFF if spec.database.external is not None else Mode(mode_of(spec, "Pooler"))
    per_pod = bounds.min or min(MIN_POOL, write.size, read.size if read else write.size)
    pods = max(write.pods, read.pods if read else 0)
    return PoolSpec(
        mode=mode,
        reading=read is not None,
        min=per_pod * write.pods,
        max_per_instance=bounds.max,
        pods_min=write.pods,
        pods_max=max(pods, write.pods + 1),
        reserve=write.reserve,
        max_client_conn=write.max_clients,
    )


def _replicas(stack: Stack) -> ReplicasSpec:
    spec, sizes = stack.resource.spec, stack.sizes
    bounds = spec.autoscaling.database
    scalable = spec.database.external is None and sizes.read is not None
    least = max(0, (bounds.min or min(MIN_PODS, sizes.instances)) - 1)
    return ReplicasSpec(
        mode=Mode(mode_of(spec, "Cluster")) if scalable else Mode.OFF,
        min=least,
        max=max(least, (bounds.max or max(MAX_INSTANCES, sizes.instances)) - 1),
        max_lag=float(bounds.max_lag_seconds),
        scale_down_after=60.0 * bounds.scale_down_after_minutes,
        spare=bounds.spare,
        max_sync=1 if spec.database.durability == "synchronous" and sizes.instances > 1 else 0,
    )
