"""What runs beside the serving pods: how many workers and which jobs, by the spec or by what the platform needs."""

from typing import Final

from ip2a_operator.api.v1alpha1 import IP2ASpec
from ip2a_operator.api.workload import ScheduledJob

PLATFORM_JOBS: Final = (
    ScheduledJob(name="mark-overdue", schedule="15 5 * * *"),
    ScheduledJob(name="enforce-referral", schedule="30 8 * * *"),
    ScheduledJob(name="extend-audit", schedule="45 4 * * *"),
    ScheduledJob(name="clean-up", schedule="15 4 * * *"),
)
"""Nightly in UTC, apart from each other; their names are those of `ip2a-app job NAME`. The referral is enforced past
the local's midnight, when the last day for something is over."""
RECONCILE_PAYMENTS: Final = ScheduledJob(name="reconcile-payments", schedule="*/30 * * * *", deadline_seconds=1200)

EXPORT_AUDIT: Final = ScheduledJob(name="export-audit", schedule="45 3 * * *", deadline_seconds=14400)
"""Takes seconds on most nights; a whole month's records on one."""


def workers(spec: IP2ASpec, *, platform: bool) -> int:
    """Pods of the background worker. The platform has one unless told otherwise; other images have none."""
    wanted = spec.app.worker
    enabled = wanted.enabled if wanted.enabled is not None else platform
    return wanted.replicas if enabled else 0


def jobs(spec: IP2ASpec, *, platform: bool) -> tuple[ScheduledJob, ...]:
    """The scheduled jobs: the spec's list, else what the platform needs with the services that it has."""
    if spec.app.jobs is not None:
        return spec.app.jobs
    if not platform:
        return ()
    payments = (RECONCILE_PAYMENTS,) if spec.payments is not None else ()
    exports = (EXPORT_AUDIT,) if spec.storage is not None else ()
    return (*PLATFORM_JOBS, *payments, *exports)
