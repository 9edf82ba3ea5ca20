"""The composition root: settings, probes, leadership, kopf, and an orderly end. No decision is taken here.

Exit status 0: asked to stop, or the cluster serves other kinds than at the start (a restart takes them in).
1: the Lease was lost, a watch died, or the settings are wrong.
"""

import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import Coroutine, Sequence
from typing import Final, TypeVar

import kopf
from kubernetes.aio import config
from kubernetes.aio.client import ApiClient
from pydantic import ValidationError

from ip2a_operator.adapters.bystanders import Bystanders
from ip2a_operator.adapters.clock import SystemClock, SystemEntropy
from ip2a_operator.adapters.events import KubeRecorder
from ip2a_operator.adapters.journal import StdoutJournal
from ip2a_operator.adapters.kube import KubeCluster, api_client
from ip2a_operator.adapters.lease import Lease
from ip2a_operator.adapters.prometheus import PrometheusClient
from ip2a_operator.adapters.watches import Watch, watches
from ip2a_operator.api.kinds import OWNED
from ip2a_operator.domain.plan import Surroundings
from ip2a_operator.errors import OperatorError
from ip2a_operator.handlers import daemon, delete, login, startup, watch
from ip2a_operator.handlers.context import Context
from ip2a_operator.reconcile.actuation import Actuation
from ip2a_operator.reconcile.executor import Executor
from ip2a_operator.reconcile.intake import Intake
from ip2a_operator.reconcile.loop import Loop
from ip2a_operator.reconcile.outlook import Outlook
from ip2a_operator.reconcile.ports import Key
from ip2a_operator.reconcile.reconciler import Reconciler
from ip2a_operator.reconcile.references import References
from ip2a_operator.reconcile.scaler import Scaler
from ip2a_operator.reconcile.sight import Sight
from ip2a_operator.reconcile.store import Store
from ip2a_operator.reconcile.subjects import Subjects
from ip2a_operator.reconcile.wakeups import Wakeups
from ip2a_operator.settings import Settings
from ip2a_operator.telemetry import logs
from ip2a_operator.telemetry.metrics import LeaderGauge, Metrics, StateCollector
from ip2a_operator.telemetry.probes import Health, ProbeServer
from ip2a_operator.telemetry.scaling import ScalingMetrics

log = logging.getLogger(__name__)

DISCOVERY_SECONDS: Final = 30.0
API_RETRY_SECONDS: Final = 2.0

T = TypeVar("T")


async def run(settings: Settings) -> int:
    """The whole life of the process; returns the exit status."""
    stop = asyncio.Event()
    _listen_for_signals(stop)
    metrics, health = Metrics(), Health()
    probes = ProbeServer(health, metrics.registry, settings.port)
    await probes.start()
    heart = asyncio.create_task(health.beat())
    try:
        await _load_credentials()
        async with api_client() as client:
            cluster = KubeCluster(client, metrics)
            lease = Lease(cluster, settings.pod_namespace, settings.lease_name, settings.pod_name)
            metrics.registry.register(LeaderGauge(lease))
            if (served := await _until(stop, _discover(cluster))) is None:
                return 0
            health.is_ready = True
            if await _until(stop, lease.acquire()) is None:
                return 0
            try:
                return await _lead(
                    settings, client, cluster=cluster, lease=lease, metrics=metrics, served=served, stop=stop
                )
            finally:
                await lease.release()
    finally:
        heart.cancel()
        await probes.stop()


async def _lead(
    settings: Settings,
    client: ApiClient,
    *,
    cluster: KubeCluster,
    lease: Lease,
    metrics: Metrics,
    served: frozenset[str],
    stop: asyncio.Event,
) -> int:
    """Reconcile until told to stop, until the Lease is lost, or until there is something new to watch."""
    store, wakeups, clock = Store(), Wakeups(), SystemClock()
    metrics.registry.register(StateCollector(store, wakeups))
    surroundings = Surroundings(settings.images, served)
    recorder = KubeRecorder(cluster, clock, settings.pod_name)
    kinds = [kind for kind in OWNED if kind.kind in served]
    bystanders = Bystanders(client, kinds, settings.namespaces)
    reconciler = Reconciler(
        cluster=cluster,
        store=store,
        executor=Executor(cluster, store, lease, SystemEntropy(), bystanders),
        recorder=recorder,
        clock=clock,
        fence=lease,
        surroundings=surroundings,
    )
    context = _context(settings, reconciler=reconciler, store=store, wakeups=wakeups, metrics=metrics)
    owned = watches(client, kinds, settings.namespaces, Intake(store, wakeups))
    ready, ended = asyncio.Event(), asyncio.Event()
    # kopf cancels what is started after it; these are started before and are ours to end.
    tasks = {
        asyncio.create_task(lease.keep()): 1,
        asyncio.create_task(_follow((*owned, *bystanders.watches))): 1,
        asyncio.create_task(_new_kinds(cluster, served)): 0,
        asyncio.create_task(References(cluster, store, wakeups, bystanders).run()): 1,
        asyncio.create_task(_signalled(ready, stop)): 0,
    }
    scaling = asyncio.create_task(
        _scale(
            settings,
            ready,
            store=store,
            cluster=cluster,
            lease=lease,
            recorder=recorder,
            metrics=metrics,
            served=served,
        )
    )
    watching = asyncio.create_task(_watch(settings, context, owned, ready=ready, ended=ended))
    done, _ = await asyncio.wait({*tasks, watching}, return_when=asyncio.FIRST_COMPLETED)
    ended.set()
    try:
        await watching
    finally:
        for task in (*tasks, scaling):
            task.cancel()
    # kopf has its own signal handlers and returns by itself on a signal, which is an orderly end too.
    return max((status for task, status in tasks.items() if task in done), default=0)


def _context(
    settings: Settings,
    *,
    reconciler: Reconciler,
    store: Store,
    wakeups: Wakeups,
    metrics: Metrics,
) -> Context:
    async def reconcile(key: Key) -> float | None:
        async with context.locks[key]:
            return await reconciler.reconcile(key)

    loop = Loop(
        reconcile=reconcile,
        wakeups=wakeups,
        slots=asyncio.Semaphore(settings.concurrency),
        meter=metrics,
        resync_seconds=settings.resync_seconds,
    )
    context = Context(store=store, wakeups=wakeups, loop=loop, tear_down=reconciler.tear_down)
    return context


async def _follow(owned: Sequence[Watch]) -> None:
    """Watch what is made for resources, and what is beside it; return when a watch has died, which ends the process
    rather than leave it deaf."""
    try:
        await asyncio.gather(*(each.run() for each in owned))
    except OperatorError as error:
        log.critical("stopping: %s", error)
    except Exception:
        log.critical("stopping: a watch died unexpectedly", exc_info=True)


async def _all_listed(owned: Sequence[Watch]) -> bool:
    """Wait until everything that exists was seen: a plan made sooner would take what is unseen for missing."""
    for each in owned:
        await each.listed.wait()
    return True


async def _scale(
    settings: Settings,
    ready: asyncio.Event,
    *,
    store: Store,
    cluster: KubeCluster,
    lease: Lease,
    recorder: KubeRecorder,
    metrics: Metrics,
    served: frozenset[str],
) -> None:
    """The autoscaler, once every object has been seen."""
    await ready.wait()
    meter = ScalingMetrics(metrics.registry)
    async with PrometheusClient() as prometheus:
        scaler = Scaler(
            subjects=Subjects(store, Surroundings(settings.images, served), settings.prometheus_url),
            sight=Sight(prometheus, cluster, meter, settings.namespaces),
            actuation=Actuation(cluster, store, lease),
            outlook=Outlook(prometheus, meter),
            cluster=cluster,
            store=store,
            recorder=recorder,
            clock=SystemClock(),
            fence=lease,
            journal=StdoutJournal(settings.decisions),
            meter=meter,
            period=settings.tick_seconds,
        )
        await scaler.run()


async def _watch(
    settings: Settings, context: Context, owned: Sequence[Watch], *, ready: asyncio.Event, ended: asyncio.Event
) -> None:
    """kopf, until `ended`; raises when its watch dies, which ends the process likewise."""
    if await _until(ended, _all_listed(owned)) is None:
        return
    registry = kopf.OperatorRegistry()
    login.register(registry)
    watch.register(registry, context)
    daemon.register(registry, context)
    delete.register(registry, context)
    await kopf.operator(
        registry=registry,
        settings=startup.operator_settings(),
        standalone=True,
        # Else kopf asks for the user's name, which a container does not have.
        identity=settings.pod_name,  # type: ignore[arg-type]  # a NewType of str that kopf does not export
        clusterwide=not settings.namespaces,
        namespaces=settings.namespaces,
        ready_flag=ready,
        stop_flag=ended,
    )


async def _signalled(ready: asyncio.Event, stop: asyncio.Event) -> None:
    """Return when told to stop. kopf takes the signals for itself when it starts, for good."""
    if await _until(stop, ready.wait()) is None:
        return
    _listen_for_signals(stop)
    await stop.wait()


def _listen_for_signals(stop: asyncio.Event) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)


async def _until(stop: asyncio.Event, work: Coroutine[object, object, T]) -> T | None:
    """The result of the work, or None if told to stop first."""
    task, stopping = asyncio.create_task(work), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        task.cancel()
        stopping.cancel()


async def _discover(cluster: KubeCluster) -> frozenset[str]:
    """The kinds the cluster serves, as soon as it answers."""
    while True:
        try:
            return await cluster.served_kinds()
        except OperatorError as error:
            log.warning("waiting for the API server: %s", error)
            await asyncio.sleep(API_RETRY_SECONDS)


async def _new_kinds(cluster: KubeCluster, served: frozenset[str]) -> None:
    """Return once the cluster serves other kinds of ours than at the start."""
    while True:
        await asyncio.sleep(DISCOVERY_SECONDS)
        with contextlib.suppress(OperatorError):
            if (now := await cluster.served_kinds()) != served:
                log.warning("the cluster serves other kinds than before (%s); starting anew", now ^ served)
                return


async def _load_credentials() -> None:
    """The pod's service account, or else the kubeconfig."""
    try:
        config.load_incluster_config()  # type: ignore[no-untyped-call]  # no annotations
    except config.ConfigException:
        await config.load_kube_config()  # type: ignore[no-untyped-call]  # no annotations


def main() -> int:
    """Run until stopped; see the module's docstring for the exit status."""
    try:
        settings = Settings()
    except ValidationError as error:
        names = ", ".join(f"IP2A_OPERATOR_{str(item['loc'][0]).upper()}: {item['msg']}" for item in error.errors())
        sys.stderr.write(f"ip2a-operator: {names}\n")
        return 1
    logs.configure(settings.log_level)
    try:
        return asyncio.run(run(settings))
    except (OperatorError, OSError, kopf.LoginError) as error:
        log.critical("stopping: %s", error)
        return 1


if __name__ == "__main__":
    sys.exit(main())
