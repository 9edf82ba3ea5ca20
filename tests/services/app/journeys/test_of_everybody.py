"""What people do most, in a real browser against a real server process; every page they see is clean for axe (WCAG AA).

Screenshots of the pages, as on a desk and as on a telephone, are left in artifacts/journeys.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy import text

from devcluster.services import PgBouncer
from ip2a.database.identity import SYSTEM, transaction
from ip2a.runtime import Runtime
from tests.services.app.conftest import People, Person, some_address
from tests.services.app.journeys.conftest import SCREENSHOTS, Visitor, made
from tests.services.app.processes import Fleet, worker
from tests.services.app.referrals.conftest import EVENING, MORNING, Hall
from tests.services.app.world import World, make_world


@dataclass(frozen=True)
class Local:
    """Who visits, and what they come for."""

    member: Person
    bidder: Person
    clerk: Person
    officer: Person
    teacher: Person
    applicant: Person
    world: World
    request_number: str
    employer: str


@pytest.fixture(scope="module")
def local(app_environment: dict[str, str], password_hash: str) -> Local:
    return made(app_environment, password_hash, _make)


async def _make(runtime: Runtime, people: People) -> Local:
    hall = Hall(runtime, people)
    book = await hall.book()
    bidder, _ = await hall.person_waiting(book)
    request = await hall.request(book, 2)
    ((number,),) = await hall.rows("SELECT request_number FROM labor_requests WHERE id = :id", id=request)
    world = await make_world(runtime, people)
    ((employer,),) = await hall.rows("SELECT name FROM organizations WHERE id = :id", id=world.ids["employer_id"])
    async with transaction(runtime.databases.write, SYSTEM) as connection:
        await connection.execute(text("UPDATE referral_books SET is_active = id = :book"), {"book": book})
    return Local(
        member=await people.make(),
        bidder=bidder,
        clerk=await people.make("staff"),
        officer=await people.make("officer"),
        teacher=await people.make("instructor"),
        applicant=await people.make("applicant"),
        world=world,
        request_number=str(number),
        employer=str(employer),
    )


def test_a_member_pays_dues_and_gets_a_receipt(visitor: Visitor, local: Local) -> None:
    visitor.log_in(local.member)
    page = visitor.page
    expect(page.locator("#balance")).to_have_text("$225.00")
    visitor.look("dues")
    visitor.press(re.compile(r"^Pay \$"))
    expect(page.get_by_role("status")).to_contain_text("RCP-")
    expect(page.locator("#balance")).to_have_text("$150.00")
    visitor.look("dues-paid")


def test_a_member_reads_the_profile_and_logs_out(visitor: Visitor, local: Local) -> None:
    visitor.log_in(local.world.person)
    expect(visitor.page.locator("#balance")).to_be_visible()
    visitor.page.goto("/my/profile")
    expect(visitor.page.get_by_role("heading", level=1)).to_be_visible()
    visitor.look("profile")
    visitor.press("Log out")
    expect(visitor.page).to_have_url(re.compile("/login"))
    visitor.page.goto("/my/profile")
    expect(visitor.page).to_have_url(re.compile("/login"))


def test_a_member_asks_for_help_and_takes_it_back(visitor: Visitor, local: Local) -> None:
    visitor.log_in(local.member)
    expect(visitor.page.locator("#balance")).to_be_visible()
    page = visitor.page
    menu = page.get_by_role("navigation", name="Main")
    menu.get_by_text("More pages", exact=True).click()
    menu.get_by_role("link", name="Help in need").click()
    page.get_by_label("Reason").select_option("hardship")
    page.get_by_label("Asked for, in dollars").fill("1,250.50")
    page.get_by_label("What happened").fill("Several weeks without work.")
    page.get_by_label("Keep it as").select_option("draft")
    visitor.look("help")
    visitor.press("Save")
    expect(page.get_by_role("status")).to_contain_text("The draft is kept.")
    page.get_by_role("link", name=re.compile("^Change the application")).click()
    page.get_by_label("Keep it as").select_option("submitted")
    visitor.look("help-draft")
    visitor.press("Save")
    expect(page.get_by_role("status")).to_have_text("Your application is handed in.")
    visitor.look("help-submitted")
    visitor.press(re.compile("^Withdraw"))
    expect(page.get_by_text("Withdrawn", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("^Withdraw"))).to_have_count(0)


def test_a_wrong_password_is_explained(visitor: Visitor, local: Local) -> None:
    page = visitor.page
    page.goto("/login")
    visitor.look("login")
    page.get_by_label("E-mail address").fill(local.member.email)
    page.get_by_label("Password").fill("not it at all")
    visitor.press("Log in")
    expect(page.get_by_role("alert")).to_contain_text("not right")
    visitor.look("login-refused")
    visitor.trouble.clear()  # the browser notes the 401 itself


def test_a_member_takes_a_place_on_a_book(visitor: Visitor, local: Local) -> None:
    visitor.log_in(local.member)
    visitor.page.goto("/my/referrals")
    visitor.look("referral-empty")
    visitor.press("Register")
    expect(visitor.page.get_by_role("button", name=re.compile("^Sign again"))).to_be_visible()
    visitor.press(re.compile("^Sign again"))
    expect(visitor.page.get_by_role("button", name=re.compile("^Sign again"))).to_be_visible()


def test_a_member_bids_at_night_and_staff_sends_them_in_the_morning(
    visitor: Visitor, fleet: Fleet, browser: Browser, local: Local
) -> None:
    visitor.log_in(local.bidder)
    fleet.set_clock(EVENING)
    visitor.page.goto("/my/referrals")
    visitor.press(re.compile("^Bid for"))
    expect(visitor.page.get_by_role("button", name=re.compile("^Withdraw"))).to_be_visible()
    visitor.look("referral-bid")
    fleet.set_clock(None)
    context = browser.new_context(base_url=fleet.urls[0], extra_http_headers={"X-Forwarded-For": some_address()})
    desk = Visitor(context)
    desk.log_in(local.clerk)
    expect(desk.page.get_by_role("heading", level=1)).to_be_visible()
    fleet.set_clock(MORNING)
    desk.page.goto("/office/dispatch")
    desk.look("morning")
    desk.press(f"Take bids for {local.request_number}")
    expect(desk.page.get_by_role("status")).to_contain_text("1 dispatched")
    desk.look("morning-sent")
    desk.press(re.compile("^Check in Test"))
    context.close()
    assert desk.trouble == []
    visitor.page.goto("/my/referrals")
    expect(visitor.page.get_by_text("Accepted")).to_be_visible()


def test_an_officer_approves_an_adjustment(visitor: Visitor, local: Local) -> None:
    visitor.log_in(local.officer)
    expect(visitor.page.get_by_role("heading", level=1)).to_be_visible()
    visitor.page.goto("/office/adjustments")
    visitor.look("adjustments")
    visitor.press(re.compile("^Approve"))
    expect(visitor.page.get_by_role("button", name=re.compile("^Approve"))).to_have_count(0)
    visitor.look("adjustments-done")


def test_an_officer_opens_and_closes_a_grievance(visitor: Visitor, local: Local) -> None:
    visitor.log_in(local.officer)
    expect(visitor.page.get_by_role("heading", level=1)).to_be_visible()
    page = visitor.page
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Records").click()
    visitor.look("organizations")
    page.get_by_role("link", name="Grievances").click()
    page.get_by_role("link", name="New grievance").click()
    page.get_by_label("Member").fill("No such person")
    page.get_by_label("Employer").fill(local.employer)
    page.get_by_label("Filed on").fill("2026-11-02")
    page.get_by_label("Violation").fill("Overtime was not paid.")
    page.get_by_label("Happened on").fill("2026-11-05")
    visitor.press("Save")
    expect(page.get_by_text("No member’s name or number begins like that.")).to_be_visible()
    expect(page.get_by_label("Violation")).to_have_value("Overtime was not paid.")
    visitor.look("grievance-refused")
    page.get_by_label("Member").fill(local.member.email.partition("@")[0])
    visitor.press("Save")
    expect(page.get_by_text("“Happened on” is after “Filed on”.")).to_be_visible()
    page.get_by_label("Happened on").fill("2026-11-01")
    visitor.press("Save")
    expect(page.get_by_role("status")).to_have_text("It is saved.")
    page.locator("#steps summary").click()
    page.get_by_role("textbox", name="Step").fill("1")
    page.get_by_label("Day").fill("2026-11-09")
    page.get_by_label("Outcome").select_option("advanced")
    visitor.look("grievance")
    page.locator("#steps form button").click()
    expect(page.locator("#steps tbody tr")).to_have_count(1)
    page.get_by_role("link", name="Change", exact=True).click()
    page.get_by_label("Status").select_option("settled")
    page.get_by_label("Resolution").fill("Paid in full.")
    page.get_by_label("Resolved on").fill("2026-11-20")
    page.get_by_label("Settlement in dollars").fill("1,250.50")
    visitor.look("grievance-form")
    visitor.press("Save")
    expect(page.get_by_text("$1,250.50")).to_be_visible()
    visitor.look("grievance-settled")
    visitor.trouble.clear()  # the browser notes the two 422 itself


def test_staff_meets_a_conflicting_change_of_an_organization(
    visitor: Visitor, fleet: Fleet, browser: Browser, local: Local
) -> None:
    context = browser.new_context(base_url=fleet.urls[0], extra_http_headers={"X-Forwarded-For": some_address()})
    other = Visitor(context)
    for person, desk in ((local.clerk, visitor), (local.officer, other)):
        desk.log_in(person)
        expect(desk.page.get_by_role("heading", level=1)).to_be_visible()
        desk.page.goto(f"/office/organizations/{local.world.ids['organization_id']}/edit")
    other.page.get_by_label("City").fill("Renton")
    other.press("Save")
    expect(other.page.get_by_role("status")).to_have_text("The changes are saved.")
    context.close()
    assert other.trouble == []
    page = visitor.page
    page.get_by_label("City").fill("Auburn")
    visitor.press("Save")
    expect(page.get_by_role("alert")).to_contain_text("Somebody else changed this meanwhile")
    expect(page.get_by_text("Stored now: Renton")).to_be_visible()
    expect(page.get_by_label("City")).to_have_value("Auburn")
    visitor.look("organization-conflict")
    visitor.press("Save")
    expect(page.get_by_role("status")).to_have_text("The changes are saved.")
    expect(page.get_by_text("Auburn")).to_be_visible()
    visitor.look("organization")
    visitor.trouble.clear()  # the browser notes the 409 itself


def test_an_instructor_notes_a_certificate_and_the_member_sees_it(
    visitor: Visitor, fleet: Fleet, browser: Browser, local: Local
) -> None:
    visitor.log_in(local.teacher)
    expect(visitor.page.get_by_role("heading", level=1)).to_be_visible()
    page = visitor.page
    page.goto("/school/students")
    visitor.look("students")
    page.goto(f"/school/students/{local.world.ids['student_id']}")
    page.locator("#certificates summary").click()
    page.get_by_label("Certificate", exact=True).select_option("first_aid")
    page.get_by_label("Issued on").fill("2026-11-02")
    visitor.look("student")
    page.locator("#certificates form button").click()
    expect(page.locator("#certificates")).to_contain_text("First aid")
    page.goto("/school/certificates?only=active")
    visitor.look("certificates")
    page.goto("/school/courses")
    visitor.look("courses")
    context = browser.new_context(base_url=fleet.urls[0], extra_http_headers={"X-Forwarded-For": some_address()})
    phone = Visitor(context)
    phone.log_in(local.world.person)
    expect(phone.page.locator("#balance")).to_be_visible()
    phone.page.goto("/my/certifications")
    expect(phone.page.get_by_role("row", name="First aid")).to_be_visible()
    phone.look("my-certificates")
    for name in ("grievances", "dispatches"):
        phone.page.goto(f"/my/{name}")
        phone.look(f"my-{name}")
    context.close()
    assert phone.trouble == []


def test_pages_of_records_are_accessible(visitor: Visitor, local: Local) -> None:
    visitor.log_in(local.officer)
    expect(visitor.page.get_by_role("heading", level=1)).to_be_visible()
    ids = local.world.ids
    for name, path in {
        "benevolence": f"/office/benevolence/{ids['benevolence_id']}",
        "benevolence-form": f"/office/benevolence/{ids['benevolence_id']}/edit",
        "organizing": "/office/organizing",
        "organizing-form": f"/office/organizing/new?organization_id={ids['organization_id']}",
        "grants": "/office/grants",
        "grant": f"/office/grants/{ids['grant_id']}",
        "grant-form": "/office/grants/new",
        "enrollment": f"/school/enrollments/{ids['enrollment_id']}",
        "certificate": f"/school/certificates/{ids['certification_id']}",
        "class-form": "/school/classes/new",
        "cohorts": "/school/cohorts",
        "cohort": f"/school/cohorts/{ids['cohort_id']}",
        "place": f"/school/places/{ids['location_id']}",
        "instructor": f"/school/instructors/{ids['instructor_id']}",
        "instructor-form": "/school/instructors/new",
        "tools": "/school/tools",
    }.items():
        visitor.page.goto(path)
        visitor.look(name)


def test_an_instructor_takes_attendance(visitor: Visitor, local: Local) -> None:
    visitor.log_in(local.teacher)
    expect(visitor.page.get_by_role("heading", level=1)).to_be_visible()
    visitor.page.goto("/school/classes")
    visitor.look("classes")
    visitor.page.goto(f"/school/classes/{local.world.ids['session_id']}")
    visitor.look("class")
    visitor.page.get_by_label("B, A").select_option("present")
    visitor.press("Save attendance")
    expect(visitor.page.get_by_label("B, A")).to_have_value("present")
    expect(visitor.page.get_by_text("Cancel this class")).to_have_count(0)  # it was held


def test_an_applicant_applies(visitor: Visitor, local: Local) -> None:
    visitor.log_in(local.applicant)
    expect(visitor.page.get_by_role("heading", level=1)).to_be_visible()
    visitor.look("home")
    visitor.page.goto("/my/application")
    visitor.page.get_by_label("Phone").fill("206 555 0199")
    visitor.page.get_by_label("City").fill("Kent")
    visitor.look("application")
    visitor.press("Save")
    visitor.press("Submit")
    expect(visitor.page.locator("#status")).to_have_text("Submitted")
    visitor.look("application-submitted")


def test_staff_has_a_report_made_and_downloads_it(
    visitor: Visitor, local: Local, app_environment: dict[str, str], pgbouncer_rw: PgBouncer
) -> None:
    """Without a press of a key the page tells how far it is: no script is needed for that."""
    visitor.log_in(local.clerk)
    page = visitor.page
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.goto("/office/reports")
    visitor.look("reports")
    page.get_by_role("region", name="Dispatch log").get_by_label("PDF").check()
    visitor.press("Make Dispatch log")
    expect(page.get_by_role("status")).to_contain_text("waits for its turn")
    page.get_by_role("link", name="Keep it still").click()
    visitor.look("report-waiting")
    page.get_by_role("link", name="Look again by itself").click()
    password = pgbouncer_rw.login.credentials.password("ip2a_worker")
    with worker({**app_environment, "IP2A_DB_USER": "ip2a_worker", "IP2A_DB_PASSWORD": password}):
        expect(page.get_by_role("status")).to_contain_text("It is ready", timeout=60_000)
    visitor.look("report-ready")
    with page.expect_download() as started:
        page.get_by_role("link", name=re.compile("^Download PDF")).click()
    assert started.value.suggested_filename.startswith("dispatch-log-")
    started.value.save_as(SCREENSHOTS / "dispatch-log.pdf")
    assert (SCREENSHOTS / "dispatch-log.pdf").read_bytes().startswith(b"%PDF-")
    page.goto("/office/reports")
    visitor.look("reports-made")
    visitor.press(re.compile("^Delete Dispatch log"))
    expect(page.get_by_text("None yet.")).to_be_visible()


def test_a_closed_page_is_friendly(visitor: Visitor, local: Local) -> None:
    visitor.log_in(local.member)
    expect(visitor.page.locator("#balance")).to_be_visible()
    visitor.page.goto("/office/adjustments")
    expect(visitor.page.get_by_role("heading", level=1)).to_be_visible()
    visitor.look("refused")
    visitor.trouble.clear()  # the browser notes the 403 itself


def test_a_page_that_is_none_is_friendly(visitor: Visitor) -> None:
    visitor.page.goto("/no/such/page")
    expect(visitor.page.get_by_role("heading", level=1)).to_be_visible()
    visitor.look("missing")
    visitor.trouble.clear()
