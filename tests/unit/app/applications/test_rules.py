"""The states of an application, by hand."""

import pytest

from ip2a.applications.models import ApplicationStatus as S
from ip2a.applications.rules import BY_APPLICANT, BY_OFFICE, sources

APPLICANT = {
    "submitted": "draft",
    "withdrawn": "draft submitted under_review interview_scheduled interviewed waitlisted",
}
OFFICE = {
    "under_review": "submitted",
    "interview_scheduled": "under_review",
    "interviewed": "interview_scheduled",
    "accepted": "interviewed waitlisted",
    "rejected": "submitted under_review interview_scheduled interviewed waitlisted",
    "waitlisted": "interviewed",
}


@pytest.mark.parametrize("target", list(S))
def test_who_may_bring_about_what_from_where(target: S) -> None:
    assert sources(BY_APPLICANT, target) == frozenset(map(S, APPLICANT.get(target, "").split()))
    assert sources(BY_OFFICE, target) == frozenset(map(S, OFFICE.get(target, "").split()))
