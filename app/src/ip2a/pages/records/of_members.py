"""Members taken in, and what the office keeps beside their record: where they work, and notes."""

from pydantic import Field

from ip2a.employments import service as employments
from ip2a.employments.schemas import EmploymentChange, EmploymentOrder, EmploymentRecord
from ip2a.members import service as members
from ip2a.members.schemas import MemberOrder, MemberRecord
from ip2a.notes import service as notes
from ip2a.notes.schemas import NoteChange, NoteItem, NoteOrder
from ip2a.pages.records.areas import Area, Form, deletion, stored
from ip2a.pages.records.inputs import Control, Input, Refers
from ip2a.records import service as records
from ip2a.records.schemas import strict
from ip2a.referrals.rules import local
from ip2a.removals.kinds import RemovedKind
from ip2a.runtime import Runtime
from ip2a.web.dependencies import Caller
from ip2a.web.keyset import MAXIMUM_IDENTIFIER

MEMBERS_PATH = "/office/members"


class EmploymentForm(EmploymentOrder):
    """A job, and whose it is."""

    model_config = strict({"member_id": 1, "organization_id": 1, "start_date": "2026-11-02"})

    member_id: int = Field(ge=1, le=MAXIMUM_IDENTIFIER)


async def _enter(runtime: Runtime, caller: Caller, form: EmploymentForm) -> EmploymentRecord:
    order = EmploymentOrder.model_validate(form.model_dump(exclude={"member_id"}))
    return await employments.enter(runtime, caller, form.member_id, order)


async def _member(runtime: Runtime, caller: Caller, member_id: int) -> MemberRecord:
    return await records.one(runtime, caller, members.MEMBERS, member_id)


MEMBERS: Area[MemberRecord, MemberRecord] = Area(
    path=MEMBERS_PATH,
    noun="member",
    title="Members",
    tabs=(),
    active="members",
    reads="members:read",
    one=_member,
    named=lambda item: f"{item.first_name} {item.last_name}",
    inputs=(
        Input("member_number", "Member number"),
        Input("first_name", "First name"),
        Input("last_name", "Last name"),
        Input("classification", "Classification"),
        Input("status", "Status"),
        Input("hire_date", "Member since"),
        Input("date_of_birth", "Born on"),
        Input("address", "Address"),
        Input("city", "City"),
        Input("state", "State", hint="Two capital letters, such as WA"),
        Input("zip_code", "ZIP code"),
        Input("phone", "Phone", control=Control.TEL),
        Input("email", "E-mail"),
    ),
    new=Form(MemberOrder, "members:create"),
    add=members.new_member,
    home=lambda item: f"{MEMBERS_PATH}/{item.id}?said=added",
)
EMPLOYMENTS: Area[EmploymentRecord, EmploymentRecord] = Area(
    path="/office/employments",
    noun="job",
    title="Members",
    tabs=(),
    active="members",
    reads="members:read",
    one=employments.employment,
    named=lambda item: f"the job at {item.organization_name}",
    inputs=(
        Input("member_id", "Member", hint="Name or number", refers=Refers.MEMBER),
        Input("organization_id", "Employer", hint="Name", refers=Refers.ORGANIZATION),
        Input("start_date", "From"),
        Input("end_date", "To", hint="Empty while they work there"),
        Input("job_title", "Job"),
        Input("hourly_rate_cents", "Dollars an hour"),
    ),
    new=Form(EmploymentForm, "members:update"),
    add=_enter,
    edit=Form(EmploymentChange, "members:update"),
    save=employments.change,
    stored=stored(employments.RECORDS),
    above=MEMBERS_PATH,
    home=lambda item: f"{MEMBERS_PATH}/{item.member_id}?said=saved",
)
NOTES: Area[NoteItem, NoteItem] = Area(
    path="/office/notes",
    noun="note",
    title="Members",
    tabs=(),
    active="members",
    reads="members:read",
    one=notes.note,
    named=lambda item: f"the note of {local(item.created_at):%Y-%m-%d}",
    inputs=(Input("body", "Note"), Input("visibility", "Who may read it"), Input("category", "About")),
    edit=Form(NoteChange, "members:read"),
    save=notes.change,
    stored=stored(notes.NOTES),
    may_edit=notes.may_change,
    required_by=NoteOrder,
    above=MEMBERS_PATH,
    home=lambda item: f"{MEMBERS_PATH}/{item.member_id}?said=noted",
    acts=(deletion(RemovedKind.NOTES, "members:read", MEMBERS_PATH),),
)
