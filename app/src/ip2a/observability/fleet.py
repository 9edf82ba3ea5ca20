"""Figures of all processes together, as a Prometheus that scrapes them tells. Pure: names in, a question out; an answer
in, figures out.
"""

from collections.abc import Mapping, Sequence
from math import isnan
from typing import Any, NamedTuple

WINDOW = "1m"  # that rates are of
SECONDS = 1800  # that the course is of
STEP = 30
SIGNAL = "signal"


class FleetPool(NamedTuple):
    """Connections of an engine in all processes; `waited` is the 95th percentile of waiting, in milliseconds."""

    engine: str
    used: int
    limit: int
    waited: float | None


class FleetJobs(NamedTuple):
    """Jobs of a kind that are in a state, and how many seconds the one that waits longest is overdue."""

    kind: str
    state: str
    jobs: int
    late: float


class Fleet(NamedTuple):
    """The whole platform; rates are by the second, times milliseconds, the lag seconds. None is not known."""

    processes: int
    per_second: float
    failed_share: float | None
    shed_per_second: float
    p95: float | None
    in_flight: int
    users: int
    hit_share: float | None
    lag: float | None
    pools: list[FleetPool]
    jobs: list[FleetJobs]


class Owner(NamedTuple):
    """Whose series are meant where a Prometheus knows several platforms: the resource they belong to."""

    namespace: str
    name: str


def owner_of(text: str) -> Owner | None:
    """NAMESPACE/NAME, or None where nothing is said; ValueError for anything else."""
    if not text:
        return None
    namespace, separator, name = text.partition("/")
    if not separator or not all(part.replace("-", "").replace(".", "").isalnum() for part in (namespace, name)):
        raise ValueError("must be NAMESPACE/NAME")
    return Owner(namespace, name)


def question(owner: Owner | None) -> str:
    """One instant query for everything; each part of the answer says which `signal` it is."""
    whose = f'namespace="{owner.namespace}",ip2a="{owner.name}"' if owner else ""
    app = f'{whose},component="app"' if owner else ""
    replica = f'{whose},role="replica"' if owner else 'role="replica"'
    failed = f'{app},status=~"5.."' if app else 'status=~"5.."'

    def rate(name: str, selector: str) -> str:
        return f"rate({name}{{{selector}}}[{WINDOW}])"

    times, waits = "ip2a_http_request_duration_seconds_bucket", "ip2a_db_pool_wait_seconds_bucket"
    parts = {
        "processes": f"count(ip2a_http_requests_in_flight{{{app}}})",
        "requests": f"sum({rate('ip2a_http_requests_total', app)})",
        "failed": f"sum({rate('ip2a_http_requests_total', failed)})",
        "shed": f"sum({rate('ip2a_shed_total', app)})",
        "p95": f"histogram_quantile(0.95, sum by (le) ({rate(times, app)}))",
        "in_flight": f"sum(ip2a_http_requests_in_flight{{{app}}})",
        "users": f"max(ip2a_users_active{{{app}}})",
        "cache": f"sum by (result) ({rate('ip2a_cache_requests_total', app)})",
        "lag": f"max(cnpg_pg_replication_lag{{{replica}}})",
        "used": f"sum by (engine) (ip2a_db_pool_in_use{{{app}}})",
        "limit": f"sum by (engine) (ip2a_db_pool_limit{{{app}}})",
        "waited": f"histogram_quantile(0.95, sum by (engine, le) ({rate(waits, app)}))",
        "jobs": f"max by (kind, state) (ip2a_jobs{{{whose}}})",
        "late": f"max by (kind) (ip2a_jobs_late_seconds{{{whose}}})",
    }
    return " or ".join(f'label_replace({text}, "{SIGNAL}", "{name}", "", "")' for name, text in parts.items())


def course_question(owner: Owner | None) -> str:
    """The range query for requests a second over the last half hour."""
    selector = f'namespace="{owner.namespace}",ip2a="{owner.name}",component="app"' if owner else ""
    return f"sum(rate(ip2a_http_requests_total{{{selector}}}[{WINDOW}]))"


class _Samples:
    """The answer of an instant query, by signal."""

    def __init__(self, result: Sequence[Mapping[str, Any]]) -> None:
        self._found: dict[str, list[tuple[Mapping[str, str], float]]] = {}
        for item in result:
            labels, value = item["metric"], float(item["value"][1])
            if not isnan(value):  # as a quantile of nothing is
                self._found.setdefault(labels.get(SIGNAL, ""), []).append((labels, value))

    def one(self, signal: str) -> float | None:
        found = self._found.get(signal)
        return found[0][1] if found else None

    def by(self, signal: str, label: str) -> dict[str, float]:
        return {labels.get(label, ""): value for labels, value in self._found.get(signal, ())}

    def all(self, signal: str) -> list[tuple[Mapping[str, str], float]]:
        return self._found.get(signal, [])


def fleet_of(result: Sequence[Mapping[str, Any]]) -> Fleet | None:
    """The figures out of the answer to `question`; None where it knows no process.

    Raises KeyError, ValueError, TypeError for what is no such answer.
    """
    samples = _Samples(result)
    processes, requests = samples.one("processes"), samples.one("requests") or 0.0
    if not processes:
        return None
    known = samples.by("cache", "result")
    asked = known.get("hit", 0.0) + known.get("miss", 0.0)
    limits, used = samples.by("limit", "engine"), samples.by("used", "engine")
    waited, late = samples.by("waited", "engine"), samples.by("late", "kind")
    return Fleet(
        processes=round(processes),
        per_second=requests,
        failed_share=(samples.one("failed") or 0.0) / requests if requests else None,
        shed_per_second=samples.one("shed") or 0.0,
        p95=_milliseconds(samples.one("p95")),
        in_flight=round(samples.one("in_flight") or 0),
        users=round(samples.one("users") or 0),
        hit_share=known.get("hit", 0.0) / asked if asked else None,
        lag=samples.one("lag"),
        pools=[
            FleetPool(engine, round(used.get(engine, 0)), round(limits[engine]), _milliseconds(waited.get(engine)))
            for engine in sorted(limits)
        ],
        jobs=[
            FleetJobs(
                labels.get("kind", ""), labels.get("state", ""), round(number), late.get(labels.get("kind", ""), 0.0)
            )
            for labels, number in sorted(samples.all("jobs"), key=_kind_and_state)
            if number
        ],
    )


def course_of(result: Sequence[Mapping[str, Any]]) -> list[float]:
    """Requests a second, oldest first, out of the answer to `course_question`."""
    values = result[0]["values"] if result else []
    return [float(value) for _, value in values]


def _kind_and_state(found: tuple[Mapping[str, str], float]) -> tuple[str, str]:
    return found[0].get("kind", ""), found[0].get("state", "")


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1000
