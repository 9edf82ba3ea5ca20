"""The out-of-work books for the office: who waits on them, and what may happen to a place."""

from datetime import datetime

from ip2a.audit.service import record_read
from ip2a.pages.records.areas import REFERRAL, Act, Area, Column, Form, Part, Step, Wanted
from ip2a.pages.records.inputs import Input, Refers
from ip2a.pages.rendering import day, moment
from ip2a.referrals import service
from ip2a.referrals.models import RegistrationStatus
from ip2a.referrals.schemas import (
    ActivityItem,
    BookItem,
    ExemptionRequest,
    QueueItem,
    RegistrationRequest,
    RollOffRequest,
)
from ip2a.runtime import Runtime
from ip2a.web.dependencies import Caller
from ip2a.web.keyset import Page

BOOKS_PATH, PLACES_PATH = "/office/books", "/office/places"
READ, UPDATE = "referrals:read", "referrals:update"
ON_THE_BOOK = frozenset({RegistrationStatus.REGISTERED, RegistrationStatus.EXEMPT})


async def _books(runtime: Runtime, caller: Caller, _wanted: Wanted) -> Page[BookItem]:
    return Page(items=await service.books(runtime, caller), next=None)


async def _queue(runtime: Runtime, caller: Caller, book_id: int, before: str | None, limit: int) -> Page[QueueItem]:
    await record_read(runtime, caller, "book_registrations")
    return await service.queue(runtime, caller, book_id, after=before, limit=limit)


async def _register(runtime: Runtime, caller: Caller, book_id: int, order: RegistrationRequest) -> object:
    return await service.register(runtime, caller, member_id=order.member_id, book_id=book_id)


async def _place(runtime: Runtime, caller: Caller, registration_id: int) -> QueueItem:
    found = await service.place(runtime, caller, registration_id)
    await record_read(runtime, caller, "book_registrations", registration_id, found.member_id)
    return found


async def _history(
    runtime: Runtime, caller: Caller, registration_id: int, before: str | None, limit: int
) -> Page[ActivityItem]:
    return await service.history(runtime, caller, registration_id, before=before, limit=limit)


async def _exempt(runtime: Runtime, caller: Caller, registration_id: int, order: ExemptionRequest, _key: str) -> object:
    return await service.exempt(runtime, caller, registration_id, order)


async def _roll_off(runtime: Runtime, caller: Caller, registration_id: int, order: RollOffRequest, _key: str) -> object:
    return await service.roll_off(runtime, caller, registration_id, order)


def _waits(item: QueueItem) -> bool:
    return item.status is RegistrationStatus.REGISTERED


def _day(value: datetime) -> str:
    return day(value)


BOOKS: Area[BookItem, BookItem] = Area(
    path=BOOKS_PATH,
    noun="book",
    title="Books",
    tabs=REFERRAL,
    active="dispatch",
    lead="In the order of the morning.",
    reads=READ,
    one=service.book,
    named=lambda item: item.name,
    page=_books,
    columns=(
        Column("Book", lambda item: item.name, link=lambda item: f"{BOOKS_PATH}/{item.id}"),
        Column("Code", lambda item: item.code),
        Column("Region", lambda item: item.region),
        Column("Called at", lambda item: item.referral_start_time),
        Column("Waiting", lambda item: item.registered, number=True),
        Column("State", lambda item: "Open" if item.is_active else "Closed", badge=True),
    ),
    facts=(
        Column("Code", lambda item: item.code),
        Column("Work", lambda item: item.classification),
        Column("Region", lambda item: item.region),
        Column("Called at", lambda item: item.referral_start_time),
        Column("Waiting", lambda item: item.registered),
        Column("Signed again every", lambda item: f"{item.re_sign_days} days, {item.grace_days} more of grace"),
        Column("Check marks at most", lambda item: item.max_check_marks),
        Column("State", lambda item: "Open" if item.is_active else "Closed", badge=True),
    ),
    parts=(
        Part(
            name="registrations",
            title="Who waits, the longest first",
            empty="Nobody waits.",
            columns=(
                Column(
                    "Member",
                    lambda item: f"{item.last_name}, {item.first_name}",
                    link=lambda item: f"{PLACES_PATH}/{item.id}",
                ),
                Column("Member number", lambda item: item.member_number),
                Column("Place", lambda item: item.apn, number=True),
                Column("Since", lambda item: _day(item.registered_at)),
                Column("Sign again by", lambda item: _day(item.re_sign_deadline)),
                Column("Check marks", lambda item: f"{item.check_marks} of {item.max_check_marks}"),
            ),
            page=_queue,
            form=Form(RegistrationRequest, "referrals:create"),
            inputs=(Input("member_id", "Member", hint="Name or number", refers=Refers.MEMBER),),
            add=_register,
            add_label="Register a member",
            more="Who waits behind them",
        ),
    ),
)
PLACES: Area[QueueItem, QueueItem] = Area(
    path=PLACES_PATH,
    noun="place",
    title="Books",
    tabs=REFERRAL,
    active="dispatch",
    above=BOOKS_PATH,
    reads=READ,
    table="book_registrations",
    one=_place,
    named=lambda item: f"{item.first_name} {item.last_name} on {item.book_name}",
    facts=(
        Column("Status", lambda item: item.status, badge=True),
        Column(
            "Member",
            lambda item: f"{item.last_name}, {item.first_name} ({item.member_number})",
            link=lambda item: f"/office/members/{item.member_id}",
        ),
        Column("Book", lambda item: item.book_name, link=lambda item: f"{BOOKS_PATH}/{item.book_id}"),
        Column("Place", lambda item: item.apn),
        Column("Since", lambda item: _day(item.registered_at)),
        Column("Sign again by", lambda item: _day(item.re_sign_deadline)),
        Column("Check marks", lambda item: f"{item.check_marks} of {item.max_check_marks}"),
        Column("Exempt until the end of", lambda item: item.exempt_until),
        Column("Exempt because of", lambda item: item.exempt_reason),
        Column("Why it was lost", lambda item: item.roll_off_reason),
    ),
    acts=(
        Act("re-sign", "Sign again", UPDATE, service.re_sign, when=_waits),
        Act(
            "exemption-end",
            "End the exemption",
            UPDATE,
            service.end_exemption,
            when=lambda item: item.status is RegistrationStatus.EXEMPT,
        ),
        Act("resign", "Give the place up", UPDATE, service.resign, when=lambda item: item.status in ON_THE_BOOK),
    ),
    steps=(
        Step(
            name="exemption",
            label="Exempt",
            form=Form(ExemptionRequest, UPDATE),
            inputs=(
                Input("reason", "Because of"),
                Input("until", "Last day", hint="Empty: 180 days from today"),
            ),
            do=_exempt,
            said="The place is kept without signing again.",
            when=_waits,
        ),
        Step(
            name="roll-off",
            label="Take the place away",
            form=Form(RollOffRequest, UPDATE),
            inputs=(Input("reason", "Why"),),
            do=_roll_off,
            said="The place is taken away.",
            when=lambda item: item.status in ON_THE_BOOK,
        ),
    ),
    parts=(
        Part(
            name="history",
            title="What happened",
            empty="Nothing yet.",
            columns=(
                Column("What", lambda item: item.action),
                Column("When", lambda item: moment(item.occurred_at)),
                Column("Why", lambda item: item.reason and item.reason.replace("_", " ")),
            ),
            page=_history,
        ),
    ),
)
