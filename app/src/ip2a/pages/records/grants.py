"""Grants for the training and what is spent of them."""

from ip2a.grants import service
from ip2a.grants.models import GrantStatus
from ip2a.grants.schemas import (
    ExpenseItem,
    ExpenseOrder,
    GrantChange,
    GrantEnrollmentChange,
    GrantEnrollmentItem,
    GrantEnrollmentOrder,
    GrantItem,
    GrantOrder,
)
from ip2a.pages.records.areas import Area, Column, Form, Narrow, Part, Wanted, deletion, stored
from ip2a.pages.records.inputs import Input, Refers
from ip2a.pages.rendering import money
from ip2a.removals.kinds import RemovedKind
from ip2a.runtime import Runtime
from ip2a.web.dependencies import Caller
from ip2a.web.keyset import Page

PATH, ENROLLMENTS_PATH = "/office/grants", "/office/grant-enrollments"
ENROLLMENT_INPUTS = (
    Input("student_id", "Student", hint="Name or number", refers=Refers.STUDENT),
    Input("enrolled_on", "Enrolled on"),
    Input("status", "Status"),
    Input("completed_on", "Completed on"),
    Input("outcome", "Outcome"),
    Input("placed_on", "Placed on"),
    Input("placement_employer", "Placed with"),
    Input("placement_job_title", "Placed as"),
)


async def _page(runtime: Runtime, caller: Caller, wanted: Wanted) -> Page[GrantItem]:
    return await service.grants(
        runtime,
        caller,
        status=wanted.narrowed(GrantStatus),
        search=wanted.search,
        before=wanted.before,
        limit=wanted.limit,
    )


async def _expenses(runtime: Runtime, caller: Caller, grant: int, before: str | None, limit: int) -> Page[ExpenseItem]:
    return await service.expenses(runtime, caller, grant, before=before, limit=limit)


async def _enrollments(
    runtime: Runtime, caller: Caller, grant: int, before: str | None, limit: int
) -> Page[GrantEnrollmentItem]:
    return await service.enrollments(runtime, caller, grant, before=before, limit=limit)


def used(item: GrantItem) -> str:
    """What is spent, and the share of all of it."""
    share = "" if item.utilisation is None else f" ({item.utilisation:.0%})"
    return f"{money(item.spent_cents)}{share}"


def reached(number: int, target: int | None) -> str:
    """How many, of how many that were promised."""
    return f"{number}" if target is None else f"{number} of {target}"


AREA: Area[GrantItem, GrantItem] = Area(
    path=PATH,
    noun="grant",
    title="Grants",
    lead="Money for the training, and what became of it.",
    reads="grants:read",
    table="grants",
    one=service.grant,
    named=lambda item: item.name,
    search_label="Words of the number, the name or the source",
    narrow=Narrow("Status", GrantStatus),
    page=_page,
    columns=(
        Column("Name", lambda item: item.name, link=lambda item: f"{PATH}/{item.id}"),
        Column("Number", lambda item: item.grant_number),
        Column("From", lambda item: item.starts_on),
        Column("Amount", lambda item: money(item.total_cents), number=True),
        Column("Spent", used, number=True),
        Column("Status", lambda item: item.status, badge=True),
    ),
    facts=(
        Column("Status", lambda item: item.status, badge=True),
        Column("Number", lambda item: item.grant_number),
        Column("From whom", lambda item: item.funding_source),
        Column("Amount", lambda item: money(item.total_cents)),
        Column("Spent", used),
        Column("Left", lambda item: money(item.total_cents - item.spent_cents)),
        Column("From", lambda item: item.starts_on),
        Column("To", lambda item: item.ends_on),
        Column("Next report", lambda item: item.next_report_due),
        Column("Enrolled", lambda item: reached(item.enrolled, item.target_enrollment)),
        Column("Completed", lambda item: reached(item.completed, item.target_completion)),
        Column("Placed", lambda item: reached(item.placed, item.target_placement)),
        Column("Stayed", lambda item: None if item.retention is None else f"{item.retention:.0%}"),
    ),
    inputs=(
        Input("grant_number", "Number"),
        Input("name", "Name"),
        Input("funding_source", "From whom"),
        Input("total_cents", "Amount in dollars"),
        Input("starts_on", "From"),
        Input("ends_on", "To"),
        Input("status", "Status"),
        Input("next_report_due", "Next report"),
        Input("target_enrollment", "To enroll"),
        Input("target_completion", "To complete"),
        Input("target_placement", "To place"),
    ),
    new=Form(GrantOrder, "grants:create"),
    add=service.new_grant,
    edit=Form(GrantChange, "grants:update"),
    save=service.change,
    stored=stored(service.GRANTS),
    parts=(
        Part(
            name="enrollments",
            title="Who takes part",
            empty="Nobody yet.",
            columns=(
                Column(
                    "Student",
                    lambda item: f"{item.last_name}, {item.first_name}",
                    link=lambda item: f"/school/students/{item.student_id}",
                ),
                Column("Enrolled", lambda item: item.enrolled_on),
                Column("Status", lambda item: item.status, badge=True),
                Column("Outcome", lambda item: item.outcome),
                Column("Placed", lambda item: item.placed_on),
                Column("With", lambda item: item.placement_employer),
            ),
            page=_enrollments,
            form=Form(GrantEnrollmentOrder, "grants:update"),
            inputs=ENROLLMENT_INPUTS[:3],
            add=service.enroll,
            add_label="Add a student",
            edits=ENROLLMENTS_PATH,
            edits_need="grants:update",
        ),
        Part(
            name="expenses",
            title="Expenses",
            empty="Nothing is spent yet.",
            columns=(
                Column("What for", lambda item: item.description),
                Column("Kind", lambda item: item.category),
                Column("From", lambda item: item.vendor),
                Column("Day", lambda item: item.spent_on),
                Column("Amount", lambda item: money(item.amount_cents), number=True),
            ),
            page=_expenses,
            form=Form(ExpenseOrder, "grants:update"),
            inputs=(
                Input("description", "What for"),
                Input("category", "Kind"),
                Input("amount_cents", "Amount in dollars"),
                Input("vendor", "From"),
                Input("spent_on", "Day"),
            ),
            add=service.spend,
            add_label="Note an expense",
        ),
    ),
    acts=(deletion(RemovedKind.GRANTS, "grants:delete", PATH),),
)

ENROLLMENTS: Area[GrantEnrollmentItem, GrantEnrollmentItem] = Area(
    path=ENROLLMENTS_PATH,
    noun="student",
    title="Grants",
    reads="grants:read",
    one=service.enrollment,
    named=lambda item: f"{item.first_name} {item.last_name}",
    inputs=ENROLLMENT_INPUTS,
    edit=Form(GrantEnrollmentChange, "grants:update"),
    save=service.change_enrollment,
    stored=stored(service.ENROLLMENTS),
    required_by=GrantEnrollmentOrder,
    home=lambda item: f"{PATH}/{item.grant_id}?said=saved",
)
