"""Applications for the apprenticeship: reading them with what was handed in, and bringing them further."""

from dataclasses import replace

from ip2a.applications import rules, service
from ip2a.applications.models import ApplicationStatus
from ip2a.applications.schemas import ApplicationItem, OfficeStep
from ip2a.audit.service import record_read
from ip2a.documents import service as documents
from ip2a.documents.schemas import DocumentItem
from ip2a.pages.records.areas import SCHOOL, Area, Column, Form, Narrow, Part, Step, Wanted
from ip2a.pages.records.inputs import Control, Field, Input
from ip2a.pages.rendering import day, size
from ip2a.runtime import Runtime
from ip2a.web.dependencies import Caller
from ip2a.web.keyset import Page

PATH = "/school/applications"


async def _page(runtime: Runtime, caller: Caller, wanted: Wanted) -> Page[ApplicationItem]:
    await record_read(runtime, caller, "applications")
    status = wanted.narrowed(ApplicationStatus)
    return await service.page(runtime, caller, status, before=wanted.before, limit=wanted.limit)


async def _one(runtime: Runtime, caller: Caller, application_id: int) -> ApplicationItem:
    await record_read(runtime, caller, "applications", application_id)
    return await service.find(runtime, caller, application_id)


async def _documents(
    runtime: Runtime, caller: Caller, application_id: int, before: str | None, limit: int
) -> Page[DocumentItem]:
    await record_read(runtime, caller, "documents")
    return await documents.of_application(runtime, caller, application_id, before=before, limit=limit)


async def _further(runtime: Runtime, caller: Caller, application_id: int, step: OfficeStep, _key: str) -> object:
    return await service.office_step(runtime, caller, application_id, step)


def _possible(fields: tuple[Field, ...], item: ApplicationItem) -> tuple[Field, ...]:
    """Only the states that may follow."""
    follow = rules.BY_OFFICE.get(item.status, frozenset())
    return tuple(
        replace(field, choices=tuple(choice for choice in field.choices if choice.value in follow))
        if field.name == "status"
        else field
        for field in fields
    )


AREA: Area[ApplicationItem, ApplicationItem] = Area(
    path=PATH,
    noun="application",
    title="Applications",
    tabs=SCHOOL,
    active="classes",
    lead="What applicants handed in. Accepting one makes the student.",
    reads="students:read",
    table="applications",
    one=_one,
    named=lambda item: f"Application of {item.first_name} {item.last_name}",
    narrow=Narrow("Status", ApplicationStatus),
    page=_page,
    columns=(
        Column("Name", lambda item: f"{item.last_name}, {item.first_name}", link=lambda item: f"{PATH}/{item.id}"),
        Column("Handed in", lambda item: day(item.submitted_at)),
        Column("Interview", lambda item: item.interview_on),
        Column("Score", lambda item: item.score, number=True),
        Column("Status", lambda item: item.status, badge=True),
    ),
    facts=(
        Column("Status", lambda item: item.status, badge=True),
        Column("Handed in", lambda item: day(item.submitted_at)),
        Column("Phone", lambda item: item.phone),
        Column("City", lambda item: item.city),
        Column("Interview", lambda item: item.interview_on),
        Column("Score", lambda item: item.score),
        Column("Decided", lambda item: day(item.decided_at)),
        Column("Education", lambda item: item.education, long=True),
        Column("Experience", lambda item: item.experience, long=True),
    ),
    steps=(
        Step(
            name="steps",
            label="Bring it further",
            form=Form(OfficeStep, "students:update"),
            inputs=(
                Input("status", "Next"),
                Input("interview_on", "Day of the interview", hint="Where one is scheduled"),
                Input("score", "Score", hint="Of the interview, 0 to 100", control=Control.DECIMAL),
            ),
            do=_further,
            said="It is brought further.",
            when=lambda item: item.status in rules.BY_OFFICE,
            fitted=_possible,
        ),
    ),
    parts=(
        Part(
            name="documents",
            title="Documents",
            empty="No file was handed in with it.",
            needs="files:read",
            columns=(
                Column("Title", lambda item: item.title, link=lambda item: f"/office/documents/{item.id}/file"),
                Column("Size", lambda item: size(item.size_bytes), number=True),
                Column("Added", lambda item: day(item.created_at)),
            ),
            page=_documents,
        ),
    ),
)
