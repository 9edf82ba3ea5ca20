"""An applicant's way: own draft, submission, and the office's steps; acceptance makes the student in the same
transaction.
"""

from sqlalchemy.exc import IntegrityError

from ip2a.applications import repository, rules
from ip2a.applications.models import ApplicationStatus
from ip2a.applications.schemas import ApplicationForm, ApplicationItem, OfficeStep
from ip2a.runtime import Runtime
from ip2a.training import repository as training
from ip2a.web.dependencies import Caller
from ip2a.web.keyset import Page, encode, page_of, read_before
from ip2a.web.problems import Problem


def no_such_application() -> Problem:
    """There is none, or the caller may not see it."""
    return Problem(404, "no-such-application", "There is no such application.")


async def own(runtime: Runtime, caller: Caller) -> ApplicationItem:
    """The caller's newest application; Problem 404."""
    async with caller.transaction(runtime.databases) as connection:
        row = await repository.own(connection)
    if row is None:
        raise no_such_application()
    return ApplicationItem.model_validate(dict(row))


async def begin(runtime: Runtime, caller: Caller, form: ApplicationForm) -> ApplicationItem:
    """Begin a draft; Problem 409 when there is a live application."""
    try:
        async with caller.transaction(runtime.databases) as connection:
            row = await repository.begin(connection, form.model_dump())
    except IntegrityError:
        raise Problem(409, "already-applied", "There is an application of yours already.") from None
    return ApplicationItem.model_validate(dict(row))


async def edit(runtime: Runtime, caller: Caller, form: ApplicationForm) -> ApplicationItem:
    """Replace the draft's fields; Problem 409 when there is no draft."""
    async with caller.transaction(runtime.databases) as connection:
        row = await repository.edit(connection, form.model_dump())
    if row is None:
        raise Problem(409, "no-draft", "There is no draft to change; what was submitted stays as it is.")
    return ApplicationItem.model_validate(dict(row))


async def own_step(runtime: Runtime, caller: Caller, target: ApplicationStatus) -> ApplicationItem:
    """Submit or withdraw the caller's application.

    Raises Problem 404, 409 (not possible from where it stands), 422 (nothing to reach the applicant by).
    """
    async with caller.transaction(runtime.databases) as connection:
        current = await repository.own(connection)
        if current is None:
            raise no_such_application()
        if target is ApplicationStatus.SUBMITTED and not current["phone"]:
            raise Problem(422, "incomplete", "`phone` is needed before the application can be submitted.")
        row = await repository.move(
            connection, current["id"], target, rules.sources(rules.BY_APPLICANT, target), now=runtime.now()
        )
        if row is None:
            raise Problem(409, "not-possible", f"The application is {current['status']}.")
    return ApplicationItem.model_validate(dict(row))


async def page(
    runtime: Runtime, caller: Caller, status: ApplicationStatus | None, *, before: str | None, limit: int
) -> Page[ApplicationItem]:
    """Submitted applications, newest first."""
    async with caller.transaction(runtime.databases) as connection:
        rows = await repository.page(
            connection, status.value if status else None, before=read_before(before), limit=limit + 1
        )
    return page_of(ApplicationItem, rows, limit, lambda item: encode("", item.id))


async def find(runtime: Runtime, caller: Caller, application_id: int) -> ApplicationItem:
    """One that was submitted; Problem 404."""
    async with caller.transaction(runtime.databases) as connection:
        row = await repository.find(connection, application_id)
    if row is None or row["status"] == ApplicationStatus.DRAFT:
        raise no_such_application()
    return ApplicationItem.model_validate(dict(row))


async def office_step(runtime: Runtime, caller: Caller, application_id: int, step: OfficeStep) -> ApplicationItem:
    """Bring an application further.

    Raises Problem 404, 409 (not possible from where it stands), 422 (an interview without a day).
    """
    if step.status is ApplicationStatus.INTERVIEW_SCHEDULED and step.interview_on is None:
        raise Problem(422, "no-interview-day", "`interview_on` is needed to schedule an interview.")
    async with caller.transaction(runtime.databases) as connection:
        row = await repository.move(
            connection,
            application_id,
            step.status,
            rules.sources(rules.BY_OFFICE, step.status),
            now=runtime.now(),
            decides=step.status in rules.DECISIONS,
            interview_on=step.interview_on,
            score=step.score,
        )
        if row is None:
            current = await repository.find(connection, application_id)
            if current is None:
                raise no_such_application()
            raise Problem(409, "not-possible", f"The application is {current['status']}.")
        if step.status is ApplicationStatus.ACCEPTED:
            await training.student_of_application(connection, application_id)
    return ApplicationItem.model_validate(dict(row))
