"""Applications of members for help, and their reviews."""

from ip2a.benevolence import rules, service
from ip2a.benevolence.models import BenevolenceStatus
from ip2a.benevolence.schemas import BenevolenceChange, BenevolenceItem, BenevolenceOrder, ReviewItem, ReviewOrder
from ip2a.pages.records.areas import Area, Column, Form, Narrow, Part, Wanted, deletion, stored
from ip2a.pages.records.inputs import Input, Refers
from ip2a.pages.rendering import money
from ip2a.removals.kinds import RemovedKind
from ip2a.runtime import Runtime
from ip2a.web.dependencies import Caller
from ip2a.web.keyset import Page

PATH = "/office/benevolence"
APPROVE = "benevolence:approve"


async def _page(runtime: Runtime, caller: Caller, wanted: Wanted) -> Page[BenevolenceItem]:
    return await service.applications(
        runtime,
        caller,
        status=wanted.narrowed(BenevolenceStatus),
        member_id=None,
        search=wanted.search,
        before=wanted.before,
        limit=wanted.limit,
    )


async def _reviews(
    runtime: Runtime, caller: Caller, application: int, before: str | None, limit: int
) -> Page[ReviewItem]:
    return await service.reviews(runtime, caller, application, before=before, limit=limit)


AREA: Area[BenevolenceItem, BenevolenceItem] = Area(
    path=PATH,
    noun="application for help",
    title="Benevolence",
    lead="Help for members in need. Reviewing and deciding is for officers, each of them at one level.",
    reads="benevolence:read",
    table="benevolence_applications",
    one=service.application,
    named=lambda item: f"Help for {item.first_name} {item.last_name}",
    search_label="Name or number of the member",
    narrow=Narrow("Status", BenevolenceStatus),
    page=_page,
    columns=(
        Column("Member", lambda item: f"{item.last_name}, {item.first_name}", link=lambda item: f"{PATH}/{item.id}"),
        Column("Applied", lambda item: item.applied_on),
        Column("Reason", lambda item: item.reason),
        Column("Asked for", lambda item: money(item.amount_requested_cents), number=True),
        Column("Status", lambda item: item.status, badge=True),
    ),
    facts=(
        Column("Status", lambda item: item.status, badge=True),
        Column(
            "Member",
            lambda item: f"{item.first_name} {item.last_name}",
            link=lambda item: f"/office/members/{item.member_id}",
        ),
        Column("Applied", lambda item: item.applied_on),
        Column("Reason", lambda item: item.reason),
        Column("Asked for", lambda item: money(item.amount_requested_cents)),
        Column("Levels that must approve", lambda item: rules.reviews_needed(item.amount_requested_cents)),
        Column("Approved", lambda item: None if item.approved_cents is None else money(item.approved_cents)),
        Column("Paid", lambda item: item.paid_on),
        Column("Paid by", lambda item: item.payment_method),
        Column("What happened", lambda item: item.description, long=True),
    ),
    inputs=(
        Input("member_id", "Member", hint="Name or number", refers=Refers.MEMBER),
        Input("applied_on", "Applied on"),
        Input("reason", "Reason"),
        Input("amount_requested_cents", "Asked for, in dollars"),
        Input("status", "Status", needs=APPROVE, reserved=frozenset(service.DECISIONS)),
        Input("approved_cents", "Approved, in dollars", needs=APPROVE),
        Input("paid_on", "Paid on", needs=APPROVE),
        Input("payment_method", "Paid by", needs=APPROVE),
        Input("description", "What happened"),
    ),
    new=Form(BenevolenceOrder, "benevolence:create"),
    add=service.apply,
    edit=Form(BenevolenceChange, "benevolence:update"),
    save=service.change,
    stored=stored(service.APPLICATIONS),
    parts=(
        Part(
            name="reviews",
            title="Reviews",
            empty="Nobody has reviewed this yet.",
            columns=(
                Column("Level", lambda item: item.level),
                Column("Day", lambda item: item.reviewed_on),
                Column("Decision", lambda item: item.decision, badge=True),
                Column("Comments", lambda item: item.comments, long=True),
            ),
            page=_reviews,
            form=Form(ReviewOrder, APPROVE),
            inputs=(
                Input("level", "Level"),
                Input("decision", "Decision"),
                Input("reviewed_on", "Day"),
                Input("comments", "Comments"),
            ),
            add=service.add_review,
            add_label="Add a review",
        ),
    ),
    acts=(deletion(RemovedKind.BENEVOLENCE, "benevolence:delete", PATH),),
)
