"""Books with their registrations, labor requests, bids and dispatches, and the history of it all."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from random import Random

from ip2a.bids.models import BidStatus
from ip2a.dispatches.models import DispatchMethod, DispatchStatus, TermReason
from ip2a.labor_requests.models import AgreementType, NoCheckMarkReason, RequestStatus
from ip2a.referrals import rules
from ip2a.referrals.models import ExemptReason, RegistrationAction, RegistrationStatus
from ip2a.seed.core import Core
from ip2a.seed.loading import Loader, Row
from ip2a.seed.profiles import Profile

BOOKS = (
    ("WIRE_SEA_1", "Wire Seattle Book 1", "inside_wireperson", 1, "seattle", time(8, 30), 27),
    ("WIRE_SEA_2", "Wire Seattle Book 2", "inside_wireperson", 2, "seattle", time(8, 30), 9),
    ("WIRE_BRE_1", "Wire Bremerton Book 1", "inside_wireperson", 1, "bremerton", time(8, 30), 20),
    ("WIRE_BRE_2", "Wire Bremerton Book 2", "inside_wireperson", 2, "bremerton", time(8, 30), 6),
    ("WIRE_PA_1", "Wire Port Angeles Book 1", "inside_wireperson", 1, "port_angeles", time(8, 30), 17),
    ("WIRE_PA_2", "Wire Port Angeles Book 2", "inside_wireperson", 2, "port_angeles", time(8, 30), 5),
    ("TRADESHOW", "Tradeshow Seattle", "tradeshow", 1, "seattle", time(9), 6),
    ("SOUND", "Sound and Communication", "sound_comm", 1, "seattle", time(9, 30), 4),
    ("STOCK", "Stockperson", "stockperson", 1, "seattle", time(9, 30), 2),
    ("RES", "Residential", "residential", 1, "seattle", time(9, 30), 2),
    ("TECH", "Technician Seattle", "technician", 1, "seattle", time(9, 30), 2),
)
"""Code, name, classification, number, region, time of referral, and how many of a hundred registrations it holds."""

CITIES = {"seattle": "Seattle", "bremerton": "Bremerton", "port_angeles": "Port Angeles"}
SITES = ("Data Hall 3", "Harbor Terminal", "Medical Tower", "Light Rail Station", "School Annex", "Ferry Maintenance")
REQUIREMENTS = (
    (None, None),
    (None, None),
    (None, None),
    ("OSHA 10 card", None),
    ("MOU jobsite", NoCheckMarkReason.MOU_JOBSITE),
    ("Fiber splicing", NoCheckMarkReason.SPECIALTY),
    ("Own hand tools", None),
)
"""What a job asks for, and why not taking it costs no check mark."""
LOST = (BidStatus.REJECTED, BidStatus.REJECTED, BidStatus.REJECTED, BidStatus.WITHDRAWN, BidStatus.EXPIRED)
ENDINGS = (TermReason.RIF, TermReason.LAID_OFF, TermReason.CONTRACT_END, TermReason.TURNAROUND)
OPEN_REQUESTS = 60  # at most; or one of five
LIVE_DAYS = 30  # who was sent since then is still at work
BID_EVERY = 4  # dispatches: one by internet bid
PENDING_BIDS = 4  # an open request, at most
WAGES = (5_200, 7_800)  # cents an hour
FIRST_HELD, FIRST_PAST = 50_000, 1_000  # numbers on a book

REGISTRATION_COLUMNS = (
    "id member_id book_id apn status registered_at re_sign_deadline check_marks exempt_reason exempt_until"
    " roll_off_reason"
)
REQUEST_COLUMNS = (
    "id request_number employer_id book_id status requested_at referral_day workers_requested start_date start_time"
    " wage_rate_cents worksite city requirements agreement_type is_short_call short_call_days no_check_mark_reason"
    " created_by_id"
)
BID_COLUMNS = "id labor_request_id member_id registration_id status submitted_at processed_at processed_by_id"
DISPATCH_COLUMNS = (
    "labor_request_id member_id registration_id bid_id employer_id method status is_short_call dispatched_at"
    " dispatched_by_id start_date check_in_deadline checked_in_at ended_on days_worked term_reason"
)


@dataclass(frozen=True, slots=True)
class Place:
    """A registration, held or given up."""

    id: int
    member: int
    book: int
    apn: int
    status: RegistrationStatus
    since: datetime


@dataclass(frozen=True, slots=True)
class Job:
    """A labor request before it is known how many came."""

    id: int
    employer: int
    book: int
    asked_at: datetime
    day: date
    start: date
    is_short: bool


def fill(loader: Loader, random: Random, profile: Profile, core: Core, now: datetime) -> None:
    """Everything of this module."""
    _Referral(loader, random, profile, core, now).fill()


class _Referral:
    def __init__(self, loader: Loader, random: Random, profile: Profile, core: Core, now: datetime) -> None:
        self._loader = loader
        self._random = random
        self._profile = profile
        self._core = core
        self._now = now
        self._today = rules.local(now).date()

    def fill(self) -> None:
        self._books = self._loader.numbers("referral_books", len(BOOKS))
        self._loader.fill(
            "referral_books",
            "id code name classification book_number region referral_start_time",
            [(identifier, *book[:-1]) for identifier, book in zip(self._books, BOOKS, strict=True)],
        )
        held, past = self._held(), self._past()
        places = [place for of_book in (*held.values(), *past.values()) for place in of_book]
        self._loader.fill("book_registrations", REGISTRATION_COLUMNS, [self._registration(place) for place in places])
        self._loader.rows(
            "UPDATE referral_books b SET last_apn = (SELECT max(apn) FROM book_registrations WHERE book_id = b.id)"
            " WHERE last_apn = 0 RETURNING id"
        )
        self._loader.fill(
            "registration_activities",
            "registration_id member_id action performed_by_id occurred_at",
            [row for place in places for row in self._activities(place)],
        )
        self._work(held, past)

    def _share(self, count: int, share: int) -> int:
        return max(2, count * share // 100)

    def _held(self) -> dict[int, list[Place]]:
        """Places on the books now, the longest waiting first; the demo member is on two."""
        sizes = [min(self._share(self._profile.registrations, book[-1]), len(self._core.members) - 1) for book in BOOKS]
        ids = iter(self._loader.numbers("book_registrations", sum(sizes)))
        held: dict[int, list[Place]] = {}
        for number, (book, size) in enumerate(zip(self._books, sizes, strict=True)):
            members = self._random.sample(self._core.members[1:], size)
            demo = size // 2 if number in {0, 2} else None
            held[book] = []
            for place, member in enumerate(members):
                status = RegistrationStatus.REGISTERED
                if place == demo:
                    member = self._core.members[0]  # noqa: PLW2901
                elif self._random.random() < 0.03:
                    status = RegistrationStatus.EXEMPT
                since = self._now - timedelta(days=1 + 300 * (size - place) / size)
                held[book].append(Place(next(ids), member, book, FIRST_HELD + place, status, since))
        return held

    def _past(self) -> dict[int, list[Place]]:
        """Places given up, oldest first; the demo member once had one on the first book."""
        sizes = [self._share(self._profile.dispatches // 3, book[-1]) for book in BOOKS]
        ids = iter(self._loader.numbers("book_registrations", sum(sizes)))
        past: dict[int, list[Place]] = {}
        for number, (book, size) in enumerate(zip(self._books, sizes, strict=True)):
            past[book] = []
            for place in range(size):
                member = self._random.choice(self._core.members[1:])
                if number == 0 and place == size // 2:
                    member = self._core.members[0]
                since = self._now - timedelta(days=40 + self._profile.days * (size - place) / size)
                past[book].append(
                    Place(next(ids), member, book, FIRST_PAST + place, RegistrationStatus.DISPATCHED, since)
                )
        return past

    def _registration(self, place: Place) -> Row:
        exempt = place.status is RegistrationStatus.EXEMPT
        held = place.status is RegistrationStatus.REGISTERED
        deadline = self._now + timedelta(days=self._random.randrange(1, 30)) if held else place.since
        return (
            place.id,
            place.member,
            place.book,
            place.apn,
            place.status.value,
            place.since,
            deadline,
            self._random.choices((0, 1, 2), weights=(80, 15, 5))[0],
            self._random.choice(tuple(ExemptReason)).value if exempt else None,
            self._today + timedelta(days=self._random.randrange(5, 170)) if exempt else None,
            None,
        )

    def _activities(self, place: Place) -> list[Row]:
        """What happened to the place: registered, re-signed every 30 days or so, dispatched."""
        actions = [RegistrationAction.REGISTER]
        ended = place.status is RegistrationStatus.DISPATCHED
        middle = self._random.randrange(2 * self._profile.activities - 1) - (1 if ended else 0)
        actions += [RegistrationAction.RE_SIGN] * max(0, middle)
        actions += [RegistrationAction.DISPATCH] if ended else []
        span = min(self._now - place.since, timedelta(days=30 * len(actions)))
        by = self._core.staff(place.id)
        return [
            (place.id, place.member, action.value, by, place.since + span * number / len(actions))
            for number, action in enumerate(actions)
        ]

    def _work(self, held: dict[int, list[Place]], past: dict[int, list[Place]]) -> None:
        """Requests, who was sent to them, and who bid."""
        wanting = self._wanting()
        sent = self._sent(past)
        self._fill_requests(wanting, sent)
        bids = iter(self._loader.numbers("job_bids", self._profile.bids))
        bid_rows = [row for job in wanting for row in self._pending(job, held[job.book], bids)]
        dispatch_rows: list[Row] = []
        live = {self._core.members[0]}  # the demo member waits
        for number, (job, place) in enumerate(sent):
            at_work = self._is_recent(job) and place.member not in live
            if at_work:
                live.add(place.member)
            bid = next(bids, None) if number % BID_EVERY == 0 else None
            if bid is not None:
                bid_rows.append(self._bid(bid, job, place, BidStatus.ACCEPTED))
            dispatch_rows.append(self._dispatch(job, place, bid, at_work=at_work))
        for bid in bids:
            job, _ = self._random.choice(sent)
            bid_rows.append(self._bid(bid, job, self._random.choice(held[job.book]), self._random.choice(LOST)))
        self._loader.fill("job_bids", BID_COLUMNS, bid_rows)
        self._loader.fill("dispatches", DISPATCH_COLUMNS, dispatch_rows)
        if self._loader.opened:  # otherwise the trigger counted
            self._loader.rows(
                "UPDATE labor_requests q SET workers_dispatched = d.number, status = 'filled' FROM (SELECT"
                " labor_request_id, count(*) AS number FROM dispatches GROUP BY labor_request_id) d"
                " WHERE d.labor_request_id = q.id RETURNING 1"
            )

    def _is_recent(self, job: Job) -> bool:
        return job.start > self._today - timedelta(days=LIVE_DAYS)

    def _wanting(self) -> list[Job]:
        """Requests that came in since the last morning and are still open, on all books."""
        count = min(OPEN_REQUESTS, self._profile.labor_requests // 5)
        books = self._random.choices(self._books, weights=[book[-1] for book in BOOKS], k=count - 2)
        books = [self._books[0], self._books[2], *books]  # one at least on each of the demo member's books
        return [
            self._job(identifier, book, self._now - timedelta(minutes=self._random.randrange(10, 900)))
            for identifier, book in zip(self._loader.numbers("labor_requests", count), books, strict=True)
        ]

    def _sent(self, past: dict[int, list[Place]]) -> list[tuple[Job, Place]]:
        """Who was sent to which of the past requests, book by book in the order of time."""
        requests = self._profile.labor_requests - min(OPEN_REQUESTS, self._profile.labor_requests // 5)
        sent: list[tuple[Job, Place]] = []
        for book, (*_, share) in zip(self._books, BOOKS, strict=True):
            dispatches = self._share(self._profile.dispatches, share)
            ids = self._loader.numbers("labor_requests", min(self._share(requests, share), dispatches))
            ages = sorted((self._random.random() * self._profile.days for _ in ids), reverse=True)
            jobs = [
                self._job(identifier, book, self._now - timedelta(days=2 + age))
                for identifier, age in zip(ids, ages, strict=True)
            ]
            places = past[book]
            sent += [
                (jobs[number * len(jobs) // dispatches], places[number * len(places) // dispatches])
                for number in range(dispatches)
            ]
        return sent

    def _job(self, identifier: int, book: int, asked_at: datetime) -> Job:
        employer = self._random.choice(self._core.organizations)
        day = rules.referral_day(asked_at)
        start = day + timedelta(days=self._random.randrange(3))
        return Job(identifier, employer, book, asked_at, day, start, self._random.random() < 0.2)

    def _fill_requests(self, wanting: Sequence[Job], sent: Sequence[tuple[Job, Place]]) -> None:
        wanted = Counter(job.id for job, _ in sent)
        past = {job.id: job for job, _ in sent}.values()
        rows = [self._request(job, self._random.randrange(1, 7)) for job in wanting]
        rows += [self._request(job, wanted[job.id]) for job in past]
        self._loader.fill("labor_requests", REQUEST_COLUMNS, rows)

    def _request(self, job: Job, wanted: int) -> Row:
        requirements, stated = self._random.choice(REQUIREMENTS)
        start = self._random.choice((time(5, 30), time(6), time(7), time(7), time(7, 30)))
        reason = rules.no_check_mark_reason(stated, start, is_short_call=job.is_short)
        region = BOOKS[self._books.index(job.book)][4]
        return (
            job.id,
            f"REQ{job.asked_at:%Y%m%d}-S{job.id:05}",
            job.employer,
            job.book,
            RequestStatus.OPEN.value,
            job.asked_at,
            job.day,
            wanted,
            job.start,
            start,
            self._random.randrange(*WAGES, 5),
            f"{self._random.choice(SITES)} {self._random.randrange(1, 30)}",
            CITIES[region],
            requirements,
            self._random.choices(tuple(AgreementType), weights=(85, 10, 3, 2))[0].value,
            job.is_short,
            self._random.randrange(2, 11) if job.is_short else None,
            reason and reason.value,
            self._core.staff(job.id),
        )

    def _pending(self, job: Job, waiting: Sequence[Place], bids: Iterator[int]) -> list[Row]:
        """Live bids; the demo member has made none yet."""
        others = [place for place in waiting[:40] if place.member != self._core.members[0]]
        count = min(len(others), self._random.randrange(PENDING_BIDS))
        return [
            self._bid(identifier, job, place, BidStatus.PENDING)
            for place, identifier in zip(self._random.sample(others, count), bids, strict=False)
        ]

    def _bid(self, identifier: int, job: Job, place: Place, status: BidStatus) -> Row:
        made = job.asked_at + timedelta(minutes=self._random.randrange(5, 300))
        processed = None if status is BidStatus.PENDING else made + timedelta(hours=12)
        by = None if processed is None else self._core.staff(identifier)
        return identifier, job.id, place.member, place.id, status.value, min(made, self._now), processed, by

    def _dispatch(self, job: Job, place: Place, bid: int | None, *, at_work: bool) -> Row:
        sent_at = datetime.combine(job.day, time(16, 30), UTC)
        deadline = rules.check_in_deadline(job.start, sent_at)
        worked = self._random.randrange(2, 11) if job.is_short else self._random.randrange(11, 200)
        ended = min(job.start + timedelta(days=worked), max(self._today, job.start))
        reason = TermReason.SHORT_CALL_END if job.is_short else self._random.choice(ENDINGS)
        status = DispatchStatus.WORKING if at_work else DispatchStatus.COMPLETED
        return (
            job.id,
            place.member,
            place.id,
            bid,
            job.employer,
            (DispatchMethod.MORNING_REFERRAL if bid is None else DispatchMethod.INTERNET_BID).value,
            status.value,
            job.is_short,
            sent_at,
            self._core.staff(place.id),
            job.start,
            deadline,
            deadline - timedelta(hours=6),
            None if at_work else ended,
            None if at_work else (ended - job.start).days,
            None if at_work else reason.value,
        )
