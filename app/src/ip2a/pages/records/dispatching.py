"""What the office does for the referral beside the morning: employers' requests and the jobs members were sent to."""

from pydantic import BaseModel, ConfigDict

from ip2a.audit.service import record_read
from ip2a.bids import service as bids
from ip2a.bids.schemas import BidOfRequest
from ip2a.dispatches import service as dispatches
from ip2a.dispatches.models import LIVE, DispatchStatus
from ip2a.dispatches.schemas import ByNameOrder, DispatchOfMember, TerminationOrder
from ip2a.labor_requests import service
from ip2a.labor_requests.models import WANTING, RequestStatus
from ip2a.labor_requests.schemas import LaborRequestItem, LaborRequestOrder
from ip2a.members import service as members
from ip2a.pages.records.areas import REFERRAL, Act, Area, Column, Form, Narrow, Part, Step, Wanted
from ip2a.pages.records.inputs import Control, Input, Refers
from ip2a.pages.rendering import moment, money
from ip2a.records import service as records
from ip2a.runtime import Runtime
from ip2a.web.dependencies import Caller
from ip2a.web.keyset import Page
from ip2a.web.problems import Problem

REQUESTS_PATH, JOBS_PATH, MEMBERS_PATH = "/office/requests", "/office/jobs", "/office/members"
DISPATCH = "referrals:dispatch"


class RequestOfOffice(LaborRequestItem):
    """A request with the name of whom the employer asked for."""

    foreperson_name: str | None = None


class ByName(BaseModel):
    """What the clerk attests before the member that the employer named is sent."""

    model_config = ConfigDict(extra="forbid")

    anti_collusion_attested: bool


async def _requests(runtime: Runtime, caller: Caller, wanted: Wanted) -> Page[LaborRequestItem]:
    status = wanted.narrowed(RequestStatus)
    return await service.page(runtime, caller, status, before=wanted.before, limit=wanted.limit)


async def _request(runtime: Runtime, caller: Caller, request_id: int) -> RequestOfOffice:
    return await _with_name(runtime, caller, await service.find(runtime, caller, request_id))


async def _with_name(runtime: Runtime, caller: Caller, item: LaborRequestItem) -> RequestOfOffice:
    name = None
    if item.foreperson_member_id is not None:
        await record_read(runtime, caller, "members", item.foreperson_member_id, item.foreperson_member_id)
        member = await records.one(runtime, caller, members.MEMBERS, item.foreperson_member_id)
        name = f"{member.first_name} {member.last_name}"
    return RequestOfOffice.model_validate({**item.model_dump(), "foreperson_name": name})


async def _enter(runtime: Runtime, caller: Caller, order: LaborRequestOrder) -> RequestOfOffice:
    return RequestOfOffice.model_validate((await service.create(runtime, caller, order)).model_dump())


async def _send_by_name(runtime: Runtime, caller: Caller, request_id: int, form: ByName, _key: str) -> object:
    if not form.anti_collusion_attested:
        raise Problem(422, "not-attested", "Nobody is sent by name before this is ticked: `anti_collusion_attested`.")
    request = await service.find(runtime, caller, request_id)
    if request.foreperson_member_id is None:
        raise Problem(409, "not-by-name", "The employer asked for nobody by name.")
    order = ByNameOrder(member_id=request.foreperson_member_id, anti_collusion_attested=True)
    return await dispatches.dispatch_by_name(runtime, caller, request_id, order)


async def _bids(
    runtime: Runtime, caller: Caller, request_id: int, before: str | None, limit: int
) -> Page[BidOfRequest]:
    await record_read(runtime, caller, "job_bids")
    return await bids.of_request(runtime, caller, request_id, after=before, limit=limit)


async def _jobs(runtime: Runtime, caller: Caller, wanted: Wanted) -> Page[DispatchOfMember]:
    await record_read(runtime, caller, "dispatches")
    status = wanted.narrowed(DispatchStatus)
    return await dispatches.page(runtime, caller, status=status, before=wanted.before, limit=wanted.limit)


async def _job(runtime: Runtime, caller: Caller, dispatch_id: int) -> DispatchOfMember:
    found = await dispatches.find(runtime, caller, dispatch_id)
    await record_read(runtime, caller, "dispatches", dispatch_id, found.member_id)
    return found


async def _end(runtime: Runtime, caller: Caller, dispatch_id: int, order: TerminationOrder, _key: str) -> object:
    return await dispatches.terminate(runtime, caller, dispatch_id, order)


def _may_be_cancelled(item: LaborRequestItem) -> bool:
    """A filled one too, while somebody sent did not begin; the service says when everybody did."""
    return item.status in {*WANTING, RequestStatus.FILLED}


def _name(item: DispatchOfMember | BidOfRequest) -> str:
    return f"{item.last_name}, {item.first_name}"


REQUESTS: Area[RequestOfOffice, LaborRequestItem] = Area(
    path=REQUESTS_PATH,
    noun="request",
    title="Requests",
    tabs=REFERRAL,
    active="dispatch",
    lead="What employers ask for. A request that comes after 15:00 is called a business morning later.",
    reads="referrals:read",
    table="labor_requests",
    one=_request,
    named=lambda item: f"Request {item.request_number}",
    narrow=Narrow("Status", RequestStatus),
    page=_requests,
    columns=(
        Column("Number", lambda item: item.request_number, link=lambda item: f"{REQUESTS_PATH}/{item.id}"),
        Column("Employer", lambda item: item.employer_name),
        Column("Book", lambda item: item.book_code),
        Column("Starts", lambda item: item.start_date),
        Column("Sent", lambda item: f"{item.workers_dispatched} of {item.workers_requested}", number=True),
        Column("Status", lambda item: item.status, badge=True),
    ),
    facts=(
        Column("Status", lambda item: item.status, badge=True),
        Column(
            "Employer",
            lambda item: item.employer_name,
            link=lambda item: f"/office/organizations/{item.employer_id}",
        ),
        Column("Book", lambda item: item.book_code, link=lambda item: f"/office/books/{item.book_id}"),
        Column("Sent", lambda item: f"{item.workers_dispatched} of {item.workers_requested}"),
        Column("Called from", lambda item: item.referral_day),
        Column("Starts", lambda item: item.start_date),
        Column("At", lambda item: item.start_time),
        Column("Dollars an hour", lambda item: None if item.wage_rate_cents is None else money(item.wage_rate_cents)),
        Column("Worksite", lambda item: item.worksite),
        Column("City", lambda item: item.city),
        Column("Agreement", lambda item: item.agreement_type),
        Column("Short call, business days", lambda item: item.short_call_days),
        Column(
            "Asked for by name",
            lambda item: item.foreperson_name,
            link=lambda item: f"{MEMBERS_PATH}/{item.foreperson_member_id}",
        ),
        Column("Why it costs no check mark", lambda item: item.no_check_mark_reason),
        Column("Bids online", lambda item: item.allows_online_bidding),
        Column("Requirements", lambda item: item.requirements, long=True),
    ),
    inputs=(
        Input("employer_id", "Employer", hint="Name", refers=Refers.ORGANIZATION),
        Input("book_id", "Book", refers=Refers.BOOK),
        Input("workers_requested", "Workers wanted"),
        Input("start_date", "Starts on"),
        Input("start_time", "At", control=Control.TIME),
        Input("wage_rate_cents", "Dollars an hour"),
        Input("worksite", "Worksite"),
        Input("city", "City"),
        Input("agreement_type", "Agreement"),
        Input("short_call_days", "Short call", hint="Business days, 10 at most; empty for a job without an end"),
        Input("foreperson_member_id", "Asked for by name", hint="Name or number", refers=Refers.MEMBER),
        Input("no_check_mark_reason", "Why it costs no check mark"),
        Input("allows_online_bidding", "Members may bid online"),
        Input("requirements", "Requirements"),
    ),
    new=Form(LaborRequestOrder, "referrals:create"),
    add=_enter,
    acts=(Act("cancel", "Cancel the request", "referrals:update", service.cancel, when=_may_be_cancelled),),
    steps=(
        Step(
            name="by-name",
            label="Send by name",
            form=Form(ByName, DISPATCH),
            inputs=(
                Input("anti_collusion_attested", "The employer asked for this member; nothing was arranged beforehand"),
            ),
            do=_send_by_name,
            said="The member is sent.",
            when=lambda item: item.foreperson_member_id is not None and item.status in WANTING,
        ),
    ),
    parts=(
        Part(
            name="bids",
            title="Bids",
            empty="No bids.",
            columns=(
                Column("Member", _name, link=lambda item: f"{MEMBERS_PATH}/{item.member_id}"),
                Column("Number", lambda item: item.apn, number=True),
                Column("When", lambda item: moment(item.submitted_at)),
                Column("Status", lambda item: item.status, badge=True),
            ),
            page=_bids,
            more="More",
        ),
    ),
)
JOBS: Area[DispatchOfMember, DispatchOfMember] = Area(
    path=JOBS_PATH,
    noun="job",
    title="Jobs",
    tabs=REFERRAL,
    active="dispatch",
    lead="Where members were sent, the newest first. A job is ended on its page.",
    reads="referrals:read",
    table="dispatches",
    one=_job,
    named=lambda item: f"{item.first_name} {item.last_name} at {item.employer_name}",
    narrow=Narrow("Status", DispatchStatus),
    page=_jobs,
    columns=(
        Column("Member", _name, link=lambda item: f"{JOBS_PATH}/{item.id}"),
        Column("Employer", lambda item: item.employer_name),
        Column("Request", lambda item: item.request_number),
        Column("Starts", lambda item: item.start_date),
        Column("Ended", lambda item: item.ended_on),
        Column("Status", lambda item: item.status, badge=True),
    ),
    facts=(
        Column("Status", lambda item: item.status, badge=True),
        Column("Member", _name, link=lambda item: f"{MEMBERS_PATH}/{item.member_id}"),
        Column(
            "Request", lambda item: item.request_number, link=lambda item: f"{REQUESTS_PATH}/{item.labor_request_id}"
        ),
        Column("Chosen by", lambda item: item.method),
        Column("Short call", lambda item: item.is_short_call),
        Column("Sent", lambda item: moment(item.dispatched_at)),
        Column("Starts", lambda item: item.start_date),
        Column("Check in by", lambda item: moment(item.check_in_deadline)),
        Column("Checked in", lambda item: moment(item.checked_in_at)),
        Column("Ended", lambda item: item.ended_on),
        Column("Days worked", lambda item: item.days_worked),
        Column("Why it ended", lambda item: item.term_reason),
        Column("Not to this employer before the end of", lambda item: item.restricted_until),
        Column("Register again by", lambda item: item.re_register_by),
        Column("Registered again", lambda item: item.re_registration, badge=True),
    ),
    acts=(
        Act(
            "check-in",
            "Check in",
            DISPATCH,
            dispatches.check_in,
            when=lambda item: item.status is DispatchStatus.DISPATCHED,
        ),
        Act(
            "withdraw",
            "Take back, at no cost to the member",
            DISPATCH,
            dispatches.withdraw,
            when=lambda item: item.status is DispatchStatus.DISPATCHED,
        ),
    ),
    steps=(
        Step(
            name="end",
            label="End the job",
            form=Form(TerminationOrder, DISPATCH),
            inputs=(
                Input("reason", "Why it ended"),
                Input("ended_on", "Last day"),
                Input("days_worked", "Days worked", hint="Business days"),
            ),
            do=_end,
            said="The job is ended.",
            lead="A quit or a discharge takes the member off every book.",
            when=lambda item: item.status in LIVE,
        ),
    ),
)
