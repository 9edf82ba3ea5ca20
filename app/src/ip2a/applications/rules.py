"""Which state may follow which, and who may bring it about. Pure."""

from ip2a.applications.models import ApplicationStatus as S

BY_APPLICANT: dict[S, frozenset[S]] = {
    S.DRAFT: frozenset({S.SUBMITTED, S.WITHDRAWN}),
    S.SUBMITTED: frozenset({S.WITHDRAWN}),
    S.UNDER_REVIEW: frozenset({S.WITHDRAWN}),
    S.INTERVIEW_SCHEDULED: frozenset({S.WITHDRAWN}),
    S.INTERVIEWED: frozenset({S.WITHDRAWN}),
    S.WAITLISTED: frozenset({S.WITHDRAWN}),
}
BY_OFFICE: dict[S, frozenset[S]] = {
    S.SUBMITTED: frozenset({S.UNDER_REVIEW, S.REJECTED}),
    S.UNDER_REVIEW: frozenset({S.INTERVIEW_SCHEDULED, S.REJECTED}),
    S.INTERVIEW_SCHEDULED: frozenset({S.INTERVIEWED, S.REJECTED}),
    S.INTERVIEWED: frozenset({S.ACCEPTED, S.REJECTED, S.WAITLISTED}),
    S.WAITLISTED: frozenset({S.ACCEPTED, S.REJECTED}),
}
DECISIONS = frozenset({S.ACCEPTED, S.REJECTED, S.WAITLISTED})


def sources(table: dict[S, frozenset[S]], target: S) -> frozenset[S]:
    """The states from which the table leads to `target`."""
    return frozenset(source for source, targets in table.items() if target in targets)
