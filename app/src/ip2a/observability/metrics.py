"""Every Prometheus series the platform exports besides the request ones, in one place.

Names and meaning are a contract with the operator's autoscaler. Labels are bounded sets, never ids.
"""

import resource
from collections.abc import Iterator

from prometheus_client import REGISTRY, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from ip2a.observability.tallies import Tallies

WAIT_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 3.0)

POOL_WAIT = Histogram(
    "ip2a_db_pool_wait_seconds", "Waiting for a database connection.", ["engine"], buckets=WAIT_BUCKETS
)
POOL_USED = Gauge("ip2a_db_pool_in_use", "Database connections checked out.", ["engine"])
POOL_LIMIT = Gauge("ip2a_db_pool_limit", "Database connections this process may open.", ["engine"])
READS = Counter("ip2a_db_reads_total", "Reads answered by the database.", ["source"])
LSN_FALLBACKS = Counter(
    "ip2a_db_replica_fallbacks_total", "Reads the primary answered in a replica's stead.", ["reason"]
)
CACHE = Tallies("ip2a_cache_requests", "Cacheable reads by what the cache said.", ("read", "result"))
CACHE_UP = Gauge("ip2a_cache_available", "1 while Redis answers in time.")
CACHE_FAILURES = Counter("ip2a_cache_failures_total", "Calls to Redis that failed.", ["reason"])
INVALIDATIONS = Counter("ip2a_cache_invalidations_total", "Subjects invalidated.", ["by"])
LIMITED = Counter("ip2a_rate_limited_total", "Requests refused by a rate limit.", ["user_type"])
LOCAL_LIMITS = Counter("ip2a_rate_limit_local_total", "Requests counted by this process only: Redis was away.")
QUEUE = Histogram("ip2a_admission_wait_seconds", "Waiting for admission.", ["route_class"], buckets=WAIT_BUCKETS)
ADMITTED = Gauge("ip2a_admission_in_flight", "Requests admitted.", ["route_class"])
QUEUED = Gauge("ip2a_admission_queued", "Requests waiting for admission.", ["route_class"])
SHED = Counter("ip2a_shed_total", "Requests answered 503 to protect the others.", ["route_class", "reason"])
JOBS = Gauge("ip2a_jobs", "Unfinished and dead jobs of the queue.", ["kind", "state"])
JOBS_LATE = Gauge("ip2a_jobs_late_seconds", "How long the job that waits longest is overdue.", ["kind"])
JOBS_ENDED = Counter("ip2a_jobs_ended_total", "Attempts at jobs by how they ended.", ["kind", "outcome"])
JOB_SECONDS = Histogram(
    "ip2a_job_duration_seconds", "Attempts at jobs.", ["kind"], buckets=(0.05, 0.25, 1, 5, 15, 60, 300, 1800)
)
USERS_ACTIVE = Gauge("ip2a_users_active", "Different users seen in the last minute or so.")


class _CpuSeconds(Collector):
    """User and system time of this process; the autoscaler divides it by requests."""

    def collect(self) -> Iterator[Metric]:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        yield CounterMetricFamily(
            "ip2a_worker_cpu_seconds", "CPU seconds of this process.", value=usage.ru_utime + usage.ru_stime
        )


REGISTRY.register(_CpuSeconds())
