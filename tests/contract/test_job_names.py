"""What the operator schedules is what the platform's image knows."""

from ip2a.jobs import JOBS
from ip2a_operator.domain.background import EXPORT_AUDIT, PLATFORM_JOBS, RECONCILE_PAYMENTS


def test_every_scheduled_job_is_one_of_the_platform() -> None:
    assert {job.name for job in (*PLATFORM_JOBS, RECONCILE_PAYMENTS, EXPORT_AUDIT)} == set(JOBS)
