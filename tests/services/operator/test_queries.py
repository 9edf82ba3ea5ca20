"""The autoscaler's one question, put to a real Prometheus that scrapes an exporter of known rates every second."""

import asyncio
import http.server
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import pytest

from devcluster.services.process import Server
from devcluster.services.prometheus import prometheus
from ip2a_operator.adapters.prometheus import PrometheusClient
from ip2a_operator.domain.autoscaling.signals import validate
from ip2a_operator.domain.autoscaling.snapshot import Name, Reading, Snapshot
from ip2a_operator.domain.autoscaling.spec import ScalerSpec
from ip2a_operator.domain.builders.monitors import monitors
from ip2a_operator.domain.observed import Observed
from ip2a_operator.domain.plan import make_stack
from ip2a_operator.domain.scaling.queries import batch, history, parts, window
from ip2a_operator.domain.scaling.readings import Expected, Grouped, grouped, readings
from ip2a_operator.errors import UnavailableError
from tests.unit.operator.autoscaling.worlds import FLEET
from tests.unit.operator.worlds import SURROUNDINGS, resource_from, sample

INTERVAL = 1.0
WINDOW = 4
"""Seconds; the kubelet's counters are as quick as all others here."""
EXPECTED = Expected(
    app_pods=2, writing_pods=1, reading_pods=1, replicas=1, cpu_per_pod=1.0, primary_cores=2.0, replica_cores=2.0
)
KEY = ("members", "local46")
APP = {"component": "app"}

Series = tuple[str, dict[str, str], float]
"""Name, labels and value; counters are given by their rate and end in a plus sign."""


def app(pod: str) -> list[Series]:
    who = {**APP, "pod": pod}
    bucket, queue = "ip2a_http_request_duration_seconds_bucket+", "ip2a_admission_wait_seconds_bucket+"
    return [
        ("ip2a_http_requests_offered_total+", who, 50.0),
        ("ip2a_http_requests_total+", {**who, "method": "GET", "status": "200"}, 44.0),
        ("ip2a_http_requests_total+", {**who, "method": "POST", "status": "201"}, 4.0),
        ("ip2a_http_requests_total+", {**who, "method": "GET", "status": "503"}, 2.0),
        ("ip2a_worker_cpu_seconds_total+", who, 0.3),
        ("ip2a_http_requests_in_flight", who, 3.0),
        (bucket, {**who, "le": "0.1"}, 45.0),
        (bucket, {**who, "le": "0.5"}, 50.0),
        (bucket, {**who, "le": "+Inf"}, 50.0),
        ("ip2a_admission_wait_seconds_count+", {**who, "route_class": "read"}, 10.0),
        (queue, {**who, "route_class": "read", "le": "0.1"}, 5.0),
        (queue, {**who, "route_class": "read", "le": "0.5"}, 10.0),
        (queue, {**who, "route_class": "read", "le": "+Inf"}, 10.0),
        ("ip2a_users_active", who, 80.0),
        ("ip2a_cache_requests_total+", {**who, "result": "hit"}, 30.0),
        ("ip2a_cache_requests_total+", {**who, "result": "miss"}, 10.0),
        ("ip2a_db_pool_wait_seconds_sum+", {**who, "engine": "read"}, 0.096),
        ("ip2a_db_pool_in_use", {**who, "engine": "read"}, 6.0),
        ("ip2a_db_pool_limit", {**who, "engine": "read"}, 10.0),
    ]


def pooler(side: str, rate: float) -> list[Series]:
    who = {"pooler": f"local46-pool-{side}", "pod": f"local46-pool-{side}-x"}
    ours = {**who, "database": "ip2a", "user": "ip2a_app"}
    return [
        ("cnpg_pgbouncer_collections_total+", who, 1.0),
        ("cnpg_pgbouncer_stats_total_xact_time+", ours, rate * 5000.0),
        ("cnpg_pgbouncer_stats_total_xact_count+", ours, rate),
        ("cnpg_pgbouncer_stats_total_wait_time+", ours, 0.0),
        ("cnpg_pgbouncer_pools_sv_active", ours, 1.0),
        ("cnpg_pgbouncer_pools_sv_idle", ours, 3.0),
        ("cnpg_pgbouncer_pools_sv_idle", {**who, "database": "postgres", "user": "auth"}, 1.0),
        ("cnpg_pgbouncer_pools_cl_waiting", ours, 2.0),
        ("cnpg_pgbouncer_pools_cl_active", ours, 5.0),
    ]


def instance(role: str) -> list[Series]:
    who = {"pod": f"local46-db-{role}", "role": role}
    backend = {**who, "datname": "ip2a", "usename": "ip2a_app"}
    return [
        ("cnpg_collector_up", who, 1.0),
        ("cnpg_collector_collections_total+", who, 1.0),
        ("cnpg_backends_total", {**backend, "state": "active"}, 2.0),
        ("cnpg_backends_total", {**backend, "state": "active", "application_name": "cnpg_metrics_exporter"}, 1.0),
        ("cnpg_backends_total", {**backend, "state": "idle in transaction"}, 3.0),
        ("cnpg_backends_waiting_total", who, 1.0),
        ("cnpg_pg_replication_lag", who, 0.5),
        ("cnpg_collector_wal_bytes+", who, 900.0),
        ("cnpg_pg_settings_setting", {**who, "name": "max_connections"}, 100.0),
    ]


def kubelet() -> list[Series]:
    used = "container_cpu_usage_seconds_total+"
    return [
        (used, {"pod": "local46-db-primary", "id": "/pod"}, 1.0),
        (used, {"pod": "local46-db-primary", "id": "/pod/c", "container": "postgres"}, 0.9),
        (used, {"pod": "local46-db-replica", "container": "postgres"}, 0.5),
        (used, {"pod": "local46-pool-rw-x", "id": "/pod"}, 0.2),
        (used, {"pod": "somebody-else", "id": "/pod"}, 1.0),
        (used, {"id": "/"}, 2.8),
        ("machine_cpu_cores", {}, 4.0),
    ]


@dataclass
class Exporter:
    """Serves series by path; a path without series answers 503, as a pod that is gone."""

    pages: dict[str, list[Series]]
    began: float = field(default_factory=time.monotonic)
    port: int = 0

    def text(self, page: str) -> str:
        elapsed = time.monotonic() - self.began
        lines = []
        for name, labels, value in self.pages[page]:
            own = (
                {"namespace": KEY[0], "ip2a": KEY[1], **labels}
                if page != "/kubelet"
                else {"namespace": KEY[0], **labels}
            )
            shown = ",".join(f'{key}="{text}"' for key, text in own.items())
            lines.append(f"{name.rstrip('+')}{{{shown}}} {value * elapsed if name.endswith('+') else value}")
        return "\n".join(lines) + "\n"


@contextmanager
def exporting(exporter: Exporter) -> Iterator[Exporter]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = bool(exporter.pages.get(self.path))
            body = exporter.text(self.path).encode() if known else b""
            self.send_response(200 if known else 503)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        exporter.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        yield exporter
        server.shutdown()
        thread.join(timeout=5)


@pytest.fixture(scope="module")
def exporter() -> Iterator[Exporter]:
    pages = {
        "/a": app("local46-app-a"), "/b": app("local46-app-b"), "/rw": pooler("rw", 40.0), "/ro": pooler("ro", 90.0),
        "/primary": instance("primary"), "/replica": instance("replica"), "/kubelet": kubelet(),
    }  # fmt: skip
    with exporting(Exporter(pages)) as running:
        yield running


@pytest.fixture(scope="module")
def server(exporter: Exporter) -> Iterator[Server]:
    jobs = [
        {
            "job_name": page.strip("/"),
            "metrics_path": page,
            "honor_labels": True,
            "static_configs": [{"targets": [f"127.0.0.1:{exporter.port}"]}],
        }
        for page in exporter.pages
    ]
    with prometheus(
        {"global": {"scrape_interval": "1s", "scrape_timeout": "900ms"}, "scrape_configs": jobs}
    ) as running:
        yield running


def ask(server: Server) -> Grouped:
    async def work() -> Grouped:
        async with PrometheusClient() as client:
            return grouped(await client.query(f"http://{server.endpoint}", batch(INTERVAL, WINDOW)))

    return asyncio.run(work())


def read(server: Server) -> dict[Name, Reading]:
    said = ask(server)
    return readings(said.resources.get(KEY, {}), said.clock, EXPECTED)


def eventually(
    server: Server, holds: Callable[[dict[Name, Reading]], bool], seconds: float = 30.0
) -> dict[Name, Reading]:
    deadline = time.monotonic() + seconds
    while not holds(found := read(server)):
        assert time.monotonic() < deadline, found
        time.sleep(0.3)
    return found


def settled(found: dict[Name, Reading]) -> bool:
    values = {name: reading.value for name, reading in found.items()}
    return validate(Snapshot(found, FLEET), None, ScalerSpec()).fresh and 95 < (values[Name.OFFERED] or 0) < 105


def test_every_signal_comes_out_as_it_was_put_in(server: Server) -> None:
    """Each page is scraped for itself: on a busy machine the windows of some rates are full later than others'."""
    expected = {
        Name.OFFERED: 100.0,
        Name.OFFERED_FAST: 100.0,
        Name.SERVED: 96.0,
        Name.READS: 92.0,
        Name.APP_CPU: 0.6,
        Name.APP_CPU_FAST: 0.6,
        Name.IN_FLIGHT: 6.0,
        Name.QUEUE_P95: 0.46,
        Name.P95: 0.3,
        Name.ERROR_RATE: 0.04,
        Name.USERS: 80.0,
        Name.CACHE_HIT: 0.75,
        Name.CHECKOUT_WAIT: 0.002,
        Name.CHECKOUT_USE: 0.6,
        Name.RW_BUSY: 0.2,
        Name.RW_WAITING: 2.0,
        Name.RW_RATE: 40.0,
        Name.RO_BUSY: 0.45,
        Name.RO_WAITING: 2.0,
        Name.RO_RATE: 90.0,
        Name.PRIMARY_CPU: 0.5,
        Name.REPLICA_CPU: 0.25,
        Name.PG_ACTIVE: 2.0,
        Name.REPLICA_ACTIVE: 2.0,
        Name.IDLE_IN_TRANSACTION: 3.0,
        Name.LOCK_WAITERS: 1.0,
        Name.LAG: 0.5,
        Name.WAL_RATE: 900.0,
        Name.CONNECTIONS: 6.0,
    }
    right = {name: pytest.approx(value, rel=0.1) for name, value in expected.items()}

    def all_right(found: dict[Name, Reading]) -> bool:
        return {name: reading.value for name, reading in found.items()} == right

    eventually(server, lambda found: settled(found) and all_right(found))


def test_alerts_of_the_requirement_fire_where_its_triggers_do(server: Server) -> None:
    """Three of four reads are hits: under 80 %, not under 70 %; 6 of 100 connections are open."""
    stack = make_stack(resource_from(sample("minimal")), Observed(), SURROUNDINGS)
    stack = replace(stack, offered=stack.offered | {"PrometheusRule"})
    (rules,) = [each for each in monitors(stack) if each["kind"] == "PrometheusRule"]
    questions = {each["alert"]: each["expr"] for each in rules["spec"]["groups"][0]["rules"]}  # type: ignore[index]

    async def firing() -> set[str]:
        async with PrometheusClient() as client:
            url = f"http://{server.endpoint}"
            return {alert for alert, question in questions.items() if await client.query(url, question)}

    deadline = time.monotonic() + 30
    wanted = {"IP2ACacheHitLow"}
    ours = {"IP2ACacheHitLow", "IP2ACacheHitCritical", "IP2AConnectionsHigh", "IP2AConnectionsCritical"}
    assert ours <= questions.keys()
    while (found := asyncio.run(firing()) & ours) != wanted:
        assert time.monotonic() < deadline, found
        time.sleep(0.3)


def test_the_rest_of_the_answer(server: Server) -> None:
    eventually(server, settled)
    said = ask(server)
    answers = said.resources[KEY]
    assert said.nodes_free == pytest.approx(1.2, rel=0.1)
    assert answers["pool.servers:rw"] == 5.0
    assert answers["pool.largest:rw"] == 4.0
    assert answers["pool.clients:rw"] == 7.0
    assert answers["pool.fresh:ro"] == 1.0
    assert answers["pool.cpu:rw"] == pytest.approx(0.2, rel=0.1)
    assert answers["maxConnections"] == 100.0
    assert {part for part in parts(INTERVAL) if ":" not in part} <= {
        "time", "nodes.free", *(key.partition(":")[0] for key in answers)
    }  # fmt: skip


def test_a_pod_that_is_gone_is_noticed_by_coverage_and_never_read_as_less_demand(
    server: Server, exporter: Exporter
) -> None:
    eventually(server, settled)
    page = exporter.pages["/b"]
    exporter.pages["/b"] = []
    try:
        lost = eventually(server, lambda found: found[Name.OFFERED].coverage < 0.8)
        judged = validate(Snapshot(lost, FLEET), 100.0, ScalerSpec())
        assert not judged.fresh
        assert Name.OFFERED in judged.bad
    finally:
        exporter.pages["/b"] = page


def test_scrapes_that_fail_are_no_zeros(server: Server, exporter: Exporter) -> None:
    eventually(server, settled)
    pages = dict(exporter.pages)
    for page in exporter.pages:
        exporter.pages[page] = []
    try:
        eventually(server, lambda found: not validate(Snapshot(found, FLEET), 100.0, ScalerSpec()).fresh)
    finally:
        exporter.pages |= pages


def test_past_days_are_asked_for_in_slots(server: Server) -> None:
    async def work() -> int:
        async with PrometheusClient() as client:
            now = time.time()
            found = await client.history(f"http://{server.endpoint}", history(4), now - 4, now, 1)
            return len(found[KEY])

    eventually(server, settled)
    assert asyncio.run(work()) >= 3


def test_nobody_there_and_nonsense_are_errors_within_seconds(server: Server) -> None:
    async def work(url: str, text: str) -> None:
        async with PrometheusClient() as client:
            await client.query(url, text)

    with pytest.raises(UnavailableError, match="no answer from Prometheus"):
        asyncio.run(work("http://127.0.0.1:1", "up"))
    with pytest.raises(UnavailableError, match="parse error"):
        asyncio.run(work(f"http://{server.endpoint}", "sum("))


def test_the_window_spans_four_scrapes() -> None:
    assert (window(5.0), window(15.0), window(1.0)) == (20, 60, 4)
