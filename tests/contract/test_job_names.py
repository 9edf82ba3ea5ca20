"""What the operator schedules, and what the samples ask it to, is what the platform's image knows."""

import pytest

from ip2a.jobs import JOBS
from ip2a_operator.domain.background import EXPORT_AUDIT, PLATFORM_JOBS, RECONCILE_PAYMENTS
from ip2a_operator.domain.observed import Observed
from ip2a_operator.domain.plan import make_stack
from tests.unit.operator.worlds import SURROUNDINGS, resource_from, sample, sample_names


def test_every_scheduled_job_is_one_of_the_platform() -> None:
    assert {job.name for job in (*PLATFORM_JOBS, RECONCILE_PAYMENTS, EXPORT_AUDIT)} == set(JOBS)


@pytest.mark.parametrize("name", sample_names())
def test_every_job_of_a_sample_is_known_and_none_that_is_needed_is_missing(name: str) -> None:
    stack = make_stack(resource_from(sample(name)), Observed(), SURROUNDINGS)
    given = {job.name for job in stack.jobs if not job.command}
    if stack.is_platform:
        assert {job.name for job in PLATFORM_JOBS} <= given <= set(JOBS)
    else:
        assert not given
