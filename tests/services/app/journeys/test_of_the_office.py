"""What clerks and officers do all day, in a real browser against a real server; every page is clean for axe."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest
from playwright.sync_api import expect
from sqlalchemy import text

from ip2a.database.identity import SYSTEM, transaction
from ip2a.runtime import Runtime
from tests.services.app.conftest import People, Person
from tests.services.app.journeys.conftest import Visitor, made
from tests.services.app.processes import Fleet
from tests.services.app.referrals.conftest import MORNING, Hall
from tests.services.app.world import World, make_world

APPLICATION = """
    INSERT INTO applications (user_id, first_name, last_name, status, phone, city, education, experience, submitted_at)
    VALUES (:user, 'Ana', 'Apply', 'submitted', '206 555 0100', 'Kent', 'High school', 'Two years as a helper', now())
    RETURNING id
"""


@dataclass(frozen=True)
class Local:
    """Who visits, and what they come for."""

    clerk: Person
    officer: Person
    member: Person
    bidder: Person
    employer: str
    book: int
    application: int
    world: World


@pytest.fixture(scope="module")
def local(app_environment: dict[str, str], password_hash: str) -> Local:
    return made(app_environment, password_hash, _make)


async def _make(runtime: Runtime, people: People) -> Local:
    hall = Hall(runtime, people)
    world = await make_world(runtime, people)
    book = await hall.book()
    bidder, _ = await hall.person_waiting(book)
    await hall.execute("UPDATE organizations SET name = 'Cascade Electric' WHERE id = :id", id=await hall.employer())
    await hall.execute("UPDATE referral_books SET name = 'Wire Seattle', code = 'WIRE-1' WHERE id = :id", id=book)
    applicant = await people.make("applicant")
    async with transaction(runtime.databases.write, SYSTEM) as connection:
        application = (await connection.execute(text(APPLICATION), {"user": applicant.user_id})).scalar_one()
    return Local(
        clerk=await people.make("staff"),
        officer=await people.make("officer"),
        member=await people.make(),
        bidder=bidder,
        employer="Cascade Electric",
        book=book,
        application=int(application),
        world=world,
    )


def come_in(visitor: Visitor, person: Person) -> None:
    visitor.log_in(person)
    expect(visitor.page.get_by_role("heading", level=1)).to_be_visible()


def test_a_clerk_enters_a_request_sends_by_name_and_ends_the_job(visitor: Visitor, fleet: Fleet, local: Local) -> None:
    come_in(visitor, local.clerk)
    page = visitor.page
    fleet.set_clock(MORNING)
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Dispatch").click()
    visitor.look("office-morning")
    page.get_by_role("link", name="New request").click()
    page.get_by_label("Employer").fill(local.employer)
    page.get_by_label("Book").select_option(label="Wire Seattle (WIRE-1)")
    page.get_by_label("Workers wanted").fill("1")
    page.get_by_label("Starts on").fill("2026-11-01")
    page.get_by_label("Asked for by name").fill(local.bidder.email.partition("@")[0])
    visitor.press("Save")
    expect(page.get_by_text("“Starts on” must be today or later.")).to_be_visible()
    visitor.look("office-request-refused")
    page.get_by_label("Starts on").fill("2026-11-24")
    visitor.press("Save")
    expect(page.get_by_role("status")).to_have_text("It is saved.")
    visitor.look("office-request")
    page.get_by_role("button", name="Send by name").click()
    expect(page.get_by_text("Nobody is sent by name before this is ticked", exact=False)).to_be_visible()
    page.get_by_label("The employer asked for this member").check()
    visitor.look("office-by-name")
    page.get_by_role("button", name="Send by name").click()
    expect(page.get_by_role("status")).to_have_text("The member is sent.")
    page.get_by_role("link", name="Jobs").click()
    visitor.look("office-jobs")
    page.get_by_role("row", name=local.employer).first.get_by_role("link").click()
    visitor.press("Check in")
    expect(page.get_by_role("status")).to_have_text("It is done.")
    page.get_by_label("Why it ended").select_option("laid_off")
    page.get_by_label("Last day").fill("2026-11-27")
    page.get_by_label("Days worked").fill("3")
    visitor.look("office-job")
    page.locator("#end form button").click()
    expect(page.get_by_role("status")).to_have_text("The job is ended.")
    visitor.look("office-job-ended")
    visitor.trouble.clear()  # the browser notes the two 422 itself


def test_a_clerk_takes_a_check_and_asks_for_an_adjustment(visitor: Visitor, local: Local) -> None:
    come_in(visitor, local.clerk)
    page = visitor.page
    page.goto(f"/office/members/{local.member.member_id}")
    visitor.look("office-member")
    page.get_by_role("link", name=re.compile("^Record a payment for")).first.click()
    expect(page.get_by_label("Amount in dollars")).to_have_value("75.00")
    page.get_by_label("Amount in dollars").fill("9000")
    page.get_by_label("How it came").select_option("check")
    page.locator("#payments form button").click()
    expect(page.get_by_text("“Amount in dollars” is more than is still due.")).to_be_visible()
    visitor.look("office-payment-refused")
    page.get_by_label("Amount in dollars").fill("50.00")
    page.locator("#payments form button").click()
    expect(page.get_by_role("status")).to_contain_text("The payment is recorded.")
    page.locator("#adjustments summary").click()
    page.get_by_label("Kind").select_option("hardship")
    page.get_by_label("By how many dollars").fill("10")
    page.get_by_label("Why").fill("Laid off")
    visitor.look("office-dues-of-member")
    page.locator("#adjustments form button").click()
    expect(page.get_by_role("status")).to_contain_text("The adjustment is asked for.")
    page.get_by_role("link", name=re.compile("^RCP-")).click()
    page.get_by_label("Why").fill("Paid twice")
    visitor.look("office-payment")
    page.locator("#refunds form button").click()
    expect(page.get_by_role("status")).to_contain_text("The refund is asked for.")
    visitor.trouble.clear()  # the browser notes the 409 itself


def test_an_officer_accepts_an_applicant(visitor: Visitor, local: Local) -> None:
    come_in(visitor, local.officer)
    page = visitor.page
    page.goto("/school/applications")
    visitor.look("office-applications")
    page.get_by_role("link", name="Apply, Ana").click()
    visitor.look("office-application")
    for state, label, value in (
        ("under_review", "", ""),
        ("interview_scheduled", "Day of the interview", "2026-12-01"),
        ("interviewed", "Score", "87.5"),
        ("accepted", "", ""),
    ):
        page.get_by_label("Next").select_option(state)
        if label:
            page.get_by_label(label).fill(value)
        page.locator("#steps form button").click()
        expect(page.get_by_role("status")).to_have_text("It is brought further.")
    expect(page.locator("#steps")).to_have_count(0)
    visitor.look("office-application-accepted")
    page.get_by_role("link", name="Students").click()
    expect(page.get_by_role("link", name="Apply, Ana")).to_be_visible()


def test_the_other_pages_of_the_office_are_accessible(visitor: Visitor, local: Local) -> None:
    come_in(visitor, local.officer)
    ids = local.world.ids
    for name, path in {
        "requests": "/office/requests",
        "books": "/office/books",
        "book": f"/office/books/{ids['book_id']}",
        "place": f"/office/places/{ids['registration_id']}",
        "place-exempt": f"/office/places/{ids['exempt_registration_id']}",
        "months": "/office/dues",
        "month-new": "/office/dues/new",
        "month": f"/office/dues/{ids['period_id']}",
        "refunds": "/office/refunds",
        "refund": f"/office/refunds/{ids['refund_id']}",
        "unapplied": "/office/unapplied",
        "adjustments": "/office/adjustments",
        "member-new": "/office/members/new",
    }.items():
        visitor.page.goto(path)
        expect(visitor.page.get_by_role("heading", level=1)).to_be_visible()
        visitor.look(f"office-{name}")


def test_a_member_gives_a_place_up_and_sees_what_turning_a_job_down_costs(visitor: Visitor, local: Local) -> None:
    visitor.log_in(local.world.person)
    expect(visitor.page.locator("#balance")).to_be_visible()
    page = visitor.page
    page.goto("/my/referrals")
    visitor.look("my-referral-with-job")
    page.get_by_role("link", name=re.compile("^Turn down the job")).click()
    visitor.look("my-turn-down")
    page.get_by_label("Why").fill("No transport")
    visitor.press("Turn it down")
    expect(page.get_by_text("Rejected", exact=True)).to_be_visible()
