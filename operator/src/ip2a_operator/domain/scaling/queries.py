"""The one PromQL question of a tick: every signal of every resource in a single instant query.

Each part is an expression grouped by namespace and resource (label `ip2a`, which relabelling takes from the pods'
label `ip2a.dev/owner`), marked with a label `signal`. Times of the samples are asked for along with the values:
Prometheus serves what is up to five minutes old without saying so. docs/autoscaler.md lists the labels needed.
"""

from typing import Final

from ip2a_operator.names import DATABASE

BY: Final = "namespace, ip2a"
APP: Final = 'component="app",ip2a!=""'
OWNED: Final = 'ip2a!=""'
SIDES: Final = ("rw", "ro")
SLOW_WINDOW: Final = 60
"""Range in seconds for the kubelet's counters, which move every 10 to 20 s."""


def window(scrape_interval: float) -> int:
    """Range of the rate queries in seconds: four scrapes, so that one lost scrape is no gap."""
    return max(4, round(4 * scrape_interval))


def batch(scrape_interval: float, slow_window: int = SLOW_WINDOW) -> str:
    """The whole question for resources whose metrics are scraped at this interval."""
    return " or ".join(_marked(name, text) for name, text in parts(scrape_interval, slow_window).items())


def _marked(name: str, text: str) -> str:
    return f'label_replace({text}, "signal", "{name}", "", "")'


def parts(scrape_interval: float, slow_window: int = SLOW_WINDOW) -> dict[str, str]:
    """Expression of each part by the name that its answer carries."""
    w = f"[{window(scrape_interval)}s]"
    fresh = 3 * scrape_interval
    return {
        "time": "vector(time())",
        "nodes.free": _free(slow_window),
        **_app(w, fresh),
        **_pooler(w, fresh, slow_window),
        **_database(w, slow_window),
    }


def _app(w: str, fresh: float) -> dict[str, str]:
    requests, failed = "ip2a_http_requests_total", f'{APP},status=~"5.."'
    answered, reads = f'{APP},status!~"429|503"', f'{APP},method=~"GET|HEAD"'
    duration, cache = "ip2a_http_request_duration_seconds_bucket", "ip2a_cache_requests_total"
    queue = "ip2a_admission_wait_seconds"
    return {
        "app.at": f"max by ({BY}) (timestamp(ip2a_http_requests_offered_total{{{APP}}}))",
        "app.fresh": _fresh("ip2a_http_requests_offered_total", APP, BY, fresh),
        "offered": f"sum by ({BY}) (rate(ip2a_http_requests_offered_total{{{APP}}}{w}))",
        "offeredFast": f"sum by ({BY}) (irate(ip2a_http_requests_offered_total{{{APP}}}{w}))",
        "answered": f"sum by ({BY}) (rate({requests}{{{APP}}}{w}))",
        "served": f"sum by ({BY}) (rate({requests}{{{answered}}}{w}))",
        "reads": f"sum by ({BY}) (rate({requests}{{{reads}}}{w}))",
        "failed": f"sum by ({BY}) (rate({requests}{{{failed}}}{w}))",
        "appCpu": f"sum by ({BY}) (rate(ip2a_worker_cpu_seconds_total{{{APP}}}{w}))",
        "appCpuFast": f"sum by ({BY}) (irate(ip2a_worker_cpu_seconds_total{{{APP}}}{w}))",
        "queue.waited": f"sum by ({BY}) (rate({queue}_count{{{APP}}}{w}))",
        "queue.p95": f"histogram_quantile(0.95, sum by ({BY}, le) (rate({queue}_bucket{{{APP}}}{w})))",
        "inFlight": f"sum by ({BY}) (ip2a_http_requests_in_flight{{{APP}}})",
        "p95": f"histogram_quantile(0.95, sum by ({BY}, le) (rate({duration}{{{APP}}}{w})))",
        "users": f"max by ({BY}) (ip2a_users_active{{{APP}}})",
        "cache.hits": f'sum by ({BY}) (rate({cache}{{{APP},result="hit"}}[60s]))',
        "cache.misses": f'sum by ({BY}) (rate({cache}{{{APP},result="miss"}}[60s]))',
        "checkout.wait": f"sum by ({BY}) (rate(ip2a_db_pool_wait_seconds_sum{{{APP}}}{w}))",
        "checkoutUse": f"max by ({BY}) (avg_over_time(ip2a_db_pool_in_use{{{APP}}}{w}) / ip2a_db_pool_limit{{{APP}}})",
    }


def _pooler(w: str, fresh: float, slow: int) -> dict[str, str]:
    by, stats = f"{BY}, pooler", "cnpg_pgbouncer_stats_total"
    ours = f'{OWNED},database="{DATABASE}"'
    servers = '__name__=~"cnpg_pgbouncer_pools_sv_(active|active_cancel|idle|used|tested|login)"'
    clients = '__name__=~"cnpg_pgbouncer_pools_cl_(active|waiting)"'
    return {
        "pool.at": f"min by ({by}) (timestamp(cnpg_pgbouncer_collections_total{{{OWNED}}}))",
        "pool.fresh": _fresh("cnpg_pgbouncer_collections_total", OWNED, by, fresh),
        "pool.window": f"sum by ({by}) (rate(cnpg_pgbouncer_collections_total{{{OWNED}}}{w}))",
        "pool.busy": f"sum by ({by}) (rate({stats}_xact_time{{{ours}}}{w})) / 1e6",
        "pool.active": f"sum by ({by}) (avg_over_time(cnpg_pgbouncer_pools_sv_active{{{ours}}}{w}))",
        "pool.wait": f"sum by ({by}) (rate({stats}_wait_time{{{ours}}}{w})) / 1e6",
        "pool.queue": f"sum by ({by}) (avg_over_time(cnpg_pgbouncer_pools_cl_waiting{{{ours}}}{w}))",
        "pool.rate": f"sum by ({by}) (rate({stats}_xact_count{{{ours}}}{w}))",
        "pool.servers": f"sum by ({by}) ({{{servers},{OWNED}}})",
        "pool.largest": f"max by ({by}) (sum by ({by}, pod, user) ({{{servers},{ours}}}))",
        "pool.clients": f"sum by ({by}) ({{{clients},{OWNED}}})",
        "pool.cpu": f"max by ({by}) ({_usage(slow)} * on (namespace, pod) "
        f"group_left (ip2a, pooler) (cnpg_pgbouncer_collections_total{{{OWNED}}} >= bool 0))",
    }


def _database(w: str, slow: int) -> dict[str, str]:
    primary, replica = f'{OWNED},role="primary"', f'{OWNED},role="replica"'
    usage, sampled = _usage(slow), 'max by (namespace, pod) (timestamp(container_cpu_usage_seconds_total{pod!=""}))'
    join = "on (namespace, pod) group_left (ip2a)"
    backends = f'datname="{DATABASE}",application_name!="cnpg_metrics_exporter"'

    def of(role: str) -> str:
        return f"(cnpg_collector_up{{{role}}} >= bool 0)"

    def state(role: str, name: str) -> str:
        selector = f'{role},{backends},state="{name}"'
        return f"sum by ({BY}) (avg_over_time(cnpg_backends_total{{{selector}}}{w}))"

    return {
        "db.at": f"min by ({BY}) (timestamp(cnpg_collector_up{{{primary}}}))",
        "replica.at": f"min by ({BY}) (timestamp(cnpg_collector_up{{{replica}}}))",
        "db.window": f"sum by ({BY}) (rate(cnpg_collector_collections_total{{{primary}}}{w}))",
        "replica.count": f"count by ({BY}) (cnpg_collector_up{{{replica}}})",
        "cpu.primary": f"sum by ({BY}) ({usage} * {join} {of(primary)})",
        "cpu.primary.at": f"max by ({BY}) ({sampled} * {join} {of(primary)})",
        "cpu.replica": f"avg by ({BY}) ({usage} * {join} {of(replica)})",
        "cpu.replica.at": f"min by ({BY}) ({sampled} * {join} {of(replica)})",
        "pgActive": state(primary, "active"),
        "replica.active": state(replica, "active"),
        "idleInTransaction": state(primary, "idle in transaction"),
        "lockWaiters": f"sum by ({BY}) (cnpg_backends_waiting_total{{{primary}}})",
        "lag": f"max by ({BY}) (cnpg_pg_replication_lag{{{replica}}})",
        "walRate": f"sum by ({BY}) (rate(cnpg_collector_wal_bytes{{{primary}}}{w}))",
        "connections": f"max by ({BY}) (sum by ({BY}, pod) (cnpg_backends_total{{{OWNED}}}))",
        "maxConnections": f'min by ({BY}) (cnpg_pg_settings_setting{{{OWNED},name="max_connections"}})',
    }


def _free(seconds: int) -> str:
    """Cores of all nodes that nobody uses, pod or not."""
    used = f'rate(container_cpu_usage_seconds_total{{id="/"}}[{seconds}s])'
    return f"sum(machine_cpu_cores) - sum({used})"


def _usage(seconds: int) -> str:
    """Cores by pod: the pod's own control group where it is counted, else its busiest container."""
    rate = f'rate(container_cpu_usage_seconds_total{{pod!=""}}[{seconds}s])'
    return f"max by (namespace, pod) (sum by (namespace, pod, container) ({rate}))"


def _fresh(metric: str, selector: str, by: str, seconds: float) -> str:
    """How many series were sampled lately."""
    return f"count by ({by}) (time() - timestamp({metric}{{{selector}}}) < {seconds:g})"


def history(slot: int) -> str:
    """Offered requests per second over past days, one value a slot of so many seconds."""
    return f"sum by ({BY}) (rate(ip2a_http_requests_offered_total{{{APP}}}[{slot}s]))"
