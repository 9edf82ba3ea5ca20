"""Administration, documents and what changes in place, in a real browser against a real server and a real S3."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy import text

from ip2a.database.identity import SYSTEM, transaction
from ip2a.runtime import Runtime
from tests.services.app.conftest import People, Person, some_address
from tests.services.app.journeys.conftest import DESK, SCREENSHOTS, Visitor, made
from tests.services.app.processes import Fleet

PDF = b"%PDF-1.7\n" + b"x" * 3000
CROWD = """
    INSERT INTO members (member_number, first_name, last_name, status, classification)
    SELECT 'CROWD-' || n, 'Many', 'Zeller' || to_char(n, 'FM000'), 'active', 'journeyman' FROM generate_series(1, 120) n
"""
ME = re.compile(r"Zeller\d+, Many")


@dataclass(frozen=True)
class Local:
    """Who visits."""

    admin: Person
    clerk: Person
    member: Person
    applicant: Person


@pytest.fixture(scope="module")
def local(app_environment: dict[str, str], password_hash: str) -> Local:
    return made(app_environment, password_hash, _make)


async def _make(runtime: Runtime, people: People) -> Local:
    async with transaction(runtime.databases.write, SYSTEM) as connection:
        await connection.execute(text(CROWD))
    return Local(
        admin=await people.make("admin"),
        clerk=await people.make("staff"),
        member=await people.make(),
        applicant=await people.make("applicant"),
    )


@pytest.fixture
def card(tmp_path: Path) -> Path:
    """A file to hand in."""
    path = tmp_path / "card.pdf"
    path.write_bytes(PDF)
    return path


def another(browser: Browser, fleet: Fleet, person: Person, *, scripts: bool = True) -> Visitor:
    """Somebody else at a browser of their own, logged in."""
    visitor = Visitor(
        browser.new_context(
            base_url=fleet.urls[0],
            viewport=DESK,
            java_script_enabled=scripts,
            extra_http_headers={"X-Forwarded-For": some_address()},
        )
    )
    visitor.log_in(person)
    expect(visitor.page.get_by_role("heading", level=1)).to_be_visible()
    return visitor


def test_an_applicant_applies_and_hands_a_file_in(visitor: Visitor, local: Local, card: Path) -> None:
    visitor.log_in(local.applicant)
    page = visitor.page
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.goto("/my/application")
    page.get_by_label("Phone").fill("206 555 0199")
    visitor.press("Save")
    page.get_by_label("Add a document").fill("School certificate")
    visitor.look("application-documents")
    visitor.press("Choose the file")
    visitor.look("upload")
    page.get_by_label("File").set_input_files(card)
    visitor.press("Send")
    link = page.get_by_role("link", name="School certificate")
    expect(link).to_be_visible()
    expect(page).to_have_url(re.compile("/my/application$"))
    with page.expect_download() as download:
        link.click()
    assert download.value.suggested_filename == "School certificate.pdf"
    assert Path(download.value.path()).read_bytes() == PDF
    page.goto("/my/documents")
    visitor.look("documents")


def test_a_member_hands_a_file_in_without_javascript(fleet: Fleet, browser: Browser, local: Local, card: Path) -> None:
    visitor = another(browser, fleet, local.member, scripts=False)
    page = visitor.page
    page.goto("/my/documents")
    page.get_by_label("Title").fill("OSHA card")
    page.get_by_label("Kind").select_option("certification")
    visitor.press("Choose the file")
    page.get_by_label("File").set_input_files(card)
    visitor.press("Send")
    expect(page.get_by_role("heading", level=1)).to_have_text("The file has arrived")
    visitor.press("Keep it")
    expect(page.get_by_role("status")).to_have_text("The document is kept.")
    visitor.press("Delete OSHA card")
    expect(page.get_by_role("status")).to_have_text("The document is deleted.")
    page.context.close()
    assert visitor.trouble == []


def test_staff_keep_a_document_of_a_member(visitor: Visitor, local: Local, card: Path) -> None:
    visitor.log_in(local.clerk)
    page = visitor.page
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.goto(f"/office/members/{local.member.member_id}")
    page.get_by_role("link", name="Documents").click()
    page.get_by_label("Title").fill("Letter")
    visitor.press("Choose the file")
    page.get_by_label("File").set_input_files(card)
    visitor.press("Send")
    expect(page.get_by_role("status")).to_have_text("The document is kept.")
    visitor.look("documents-of-member")
    with page.expect_download() as download:
        page.get_by_role("link", name="Letter").click()
    assert Path(download.value.path()).read_bytes() == PDF


def test_a_file_that_is_no_document_is_refused_in_words(visitor: Visitor, local: Local, tmp_path: Path) -> None:
    program = tmp_path / "card.pdf"
    program.write_bytes(b"MZ\x90\x00 a program")
    visitor.log_in(local.member)
    expect(visitor.page.locator("#balance")).to_be_visible()
    visitor.page.goto("/my/documents")
    visitor.page.get_by_label("Title").fill("Card")
    visitor.press("Choose the file")
    visitor.page.get_by_label("File").set_input_files(program)
    visitor.press("Send")
    expect(visitor.page.get_by_role("alert")).to_contain_text("The file must be a PDF")
    visitor.look("upload-refused")
    visitor.trouble.clear()  # the browser notes the 422 itself


def test_a_member_downloads_a_receipt(visitor: Visitor, local: Local) -> None:
    visitor.log_in(local.member)
    page = visitor.page
    visitor.press(re.compile(r"^Pay \$"))
    expect(page.get_by_role("status")).to_contain_text("RCP-")
    page.get_by_role("link", name="Payments and receipts").click()
    visitor.look("payments")
    page.get_by_role("link", name=re.compile("^RCP-")).click()
    visitor.look("receipt")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert re.fullmatch(r"RCP-\d{6}-[0-9a-f]+\.html", download.value.suggested_filename)
    assert "$75.00" in Path(download.value.path()).read_text()


def test_an_administrator_ends_a_session_and_it_counts_at_once(
    visitor: Visitor, fleet: Fleet, browser: Browser, local: Local
) -> None:
    clerk = another(browser, fleet, local.clerk)
    clerk.page.goto("/office/members")
    visitor.log_in(local.admin)
    page = visitor.page
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    visitor.look("home-of-administrator")
    page.goto("/admin/users")
    visitor.look("accounts")
    page.get_by_label("E-mail address or last name").press_sequentially(local.clerk.email[:8])
    page.get_by_role("link", name=local.clerk.email).click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    visitor.look("account-of-clerk")
    for _ in range(page.get_by_role("button", name=re.compile("^End the session of")).count()):
        visitor.press(re.compile("^End the session of"))
        expect(page.get_by_role("status")).to_have_text("The session is ended.")
        expect(page.get_by_role("status")).to_be_focused()
        page.reload()
    expect(page.get_by_role("cell", name="Nowhere.")).to_be_visible()
    clerk.page.get_by_label("Name or member number").press_sequentially("zel")
    expect(clerk.page).to_have_url(re.compile(r"/login\?next=%2Foffice%2Fmembers|/login\?next=/office/members"))
    clerk.page.context.close()


def test_an_administrator_makes_an_account_with_roles(visitor: Visitor, local: Local) -> None:
    visitor.log_in(local.admin)
    page = visitor.page
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.goto("/admin/users/new")
    visitor.look("account-new")
    page.get_by_label("E-mail address").fill("new.hire@test.example")
    page.get_by_label("First name").fill("Nora")
    page.get_by_label("Last name").fill("Hire")
    page.get_by_label("Staff").check()
    visitor.press("Make the account")
    expect(page.get_by_role("status")).to_contain_text("The account is made")
    page.get_by_label("Instructor", exact=True).check()
    page.locator("#until-instructor").fill("2030-06-30")
    visitor.press("Save roles")
    expect(page.get_by_role("status")).to_contain_text("The roles are saved")
    expect(page.locator("#until-instructor")).to_have_value("2030-06-30")
    visitor.press("Deactivate")
    expect(page.get_by_role("status")).to_contain_text("deactivated")
    visitor.press("Activate")
    expect(page.get_by_role("status")).to_contain_text("may log in again")


def test_an_administrator_makes_an_api_key_which_works_until_it_is_revoked(
    visitor: Visitor, fleet: Fleet, local: Local
) -> None:
    visitor.log_in(local.admin)
    page = visitor.page
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.goto(f"/admin/users/{local.clerk.user_id}")
    page.get_by_role("link", name="New API key").click()
    visitor.look("key-new")
    page.get_by_label("What it is for").fill("Trust fund")
    page.get_by_label("members:read").check()
    visitor.press("Make the key")
    key = page.locator("#key").inner_text()
    visitor.look("key-made")
    headers = {"Authorization": f"Bearer {key}"}

    def asks(path: str) -> int:
        with httpx.Client(base_url=fleet.urls[0], trust_env=False, timeout=20, headers=headers) as program:
            return program.get(path).status_code

    assert asks("/api/v1/members") == 200
    assert asks("/api/v1/grievances") == 403
    page.get_by_role("link", name="I have copied it").click()
    expect(page.get_by_text(key)).to_have_count(0)
    visitor.look("keys")
    visitor.press("Revoke Trust fund")
    expect(page.get_by_role("status")).to_contain_text("revoked")
    assert asks("/api/v1/members") == 401


def test_an_administrator_reads_the_audit_trail(visitor: Visitor, local: Local) -> None:
    visitor.log_in(local.member)
    visitor.page.goto("/my/profile")
    visitor.page.get_by_label("City").fill("Tukwila")
    visitor.press("Save")
    expect(visitor.page.get_by_role("status")).to_be_visible()
    visitor.press("Log out")
    visitor.log_in(local.admin)
    page = visitor.page
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.goto("/office/audit")
    page.get_by_label("What happened").select_option("update")
    page.get_by_label("About the member (id)").fill(str(local.member.member_id))
    visitor.press("Search")
    change = page.get_by_role("row", name="City – Tukwila")
    expect(change).to_have_count(1)
    visitor.look("audit")


def test_an_administrator_sees_how_the_platform_is_doing(visitor: Visitor, local: Local) -> None:
    visitor.log_in(local.admin)
    page = visitor.page
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.goto("/admin/platform")
    visitor.look("platform")
    expect(page.get_by_role("row", name=re.compile("^Pages"))).to_be_visible()
    with page.expect_response(lambda answer: answer.request.headers.get("hx-request") == "true") as refreshed:
        pass
    assert "<html" not in refreshed.value.text()
    expect(page.locator("#figures")).to_contain_text("Requests a second")


def test_staff_find_members_while_they_type_and_load_more(visitor: Visitor, local: Local) -> None:
    visitor.log_in(local.clerk)
    page = visitor.page
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.goto("/office/members")
    page.get_by_label("Name or member number").press_sequentially("zeller")
    expect(page.get_by_role("rowheader", name=ME)).to_have_count(50)
    expect(page).to_have_url(re.compile(r"search=zeller$"))
    visitor.look("members-found")
    page.get_by_role("link", name="More members").click()
    expect(page.get_by_role("rowheader", name=ME)).to_have_count(100)
    page.get_by_role("link", name="More members").click()
    expect(page.get_by_role("rowheader", name=ME)).to_have_count(120)
    expect(page.get_by_role("link", name="More members")).to_have_count(0)


def test_the_same_search_works_without_javascript(fleet: Fleet, browser: Browser, local: Local) -> None:
    visitor = another(browser, fleet, local.clerk, scripts=False)
    page = visitor.page
    page.goto("/office/members")
    page.get_by_label("Name or member number").fill("zeller")
    visitor.press("Search")
    expect(page.get_by_role("rowheader", name=ME)).to_have_count(50)
    page.get_by_role("link", name="More members").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Members")
    expect(page.get_by_role("rowheader", name=ME)).to_have_count(50)
    page.context.close()


ONE_LINE = """
    () => [...document.querySelectorAll('.bar > *, .nav > *')].map(
        (each) => { const box = each.getBoundingClientRect(); return Math.round(box.top + box.height / 2); })
"""


def test_the_menu_is_one_line_at_a_desk_and_opens_by_keyboard(visitor: Visitor, local: Local) -> None:
    visitor.log_in(local.admin)
    page = visitor.page
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.goto("/office/members")
    middles = page.evaluate(ONE_LINE)
    assert max(middles) - min(middles) <= 4, f"not one line: {middles}"
    menu = page.get_by_role("navigation", name="Main")
    more, administration = menu.get_by_text("More pages", exact=True), menu.get_by_role("link", name="Administration")
    expect(administration).to_be_hidden()
    more.focus()
    page.keyboard.press("Enter")
    expect(administration).to_be_visible()
    visitor.look("menu-open")
    for width in (768, 390):
        page.set_viewport_size({"width": width, "height": 900})
        page.screenshot(path=SCREENSHOTS / f"menu-open-{width}.png")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        expect(administration).to_be_in_viewport()
    page.set_viewport_size(DESK)
    page.keyboard.press("Escape")
    expect(administration).to_be_hidden()
    expect(more).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(menu.get_by_role("link", name="Reports")).to_be_focused()
    page.get_by_role("heading", level=1).click(position={"x": 5, "y": 5})
    expect(administration).to_be_hidden()
    more.click()
    administration.click()
    expect(page).to_have_url(re.compile("/admin/users"))
    expect(more).to_have_class("here")


def test_the_menu_opens_without_a_script(fleet: Fleet, browser: Browser, local: Local) -> None:
    visitor = another(browser, fleet, local.clerk, scripts=False)
    menu = visitor.page.get_by_role("navigation", name="Main")
    menu.get_by_text("More pages", exact=True).click()
    menu.get_by_role("link", name="Reports").click()
    expect(visitor.page).to_have_url(re.compile("/office/reports"))
    visitor.page.context.close()
    assert visitor.trouble == []


def test_an_administrator_restores_a_deleted_member(visitor: Visitor, local: Local) -> None:
    visitor.log_in(local.admin)
    page = visitor.page
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.goto("/office/members?search=zeller120")
    page.get_by_role("link", name=re.compile("Zeller120")).click()
    visitor.press("Delete the member")
    expect(page.get_by_role("status")).to_contain_text("The member is deleted")
    page.goto("/office/members?search=zeller120")
    expect(page.get_by_role("link", name=re.compile("Zeller120"))).to_have_count(0)
    page.goto("/admin/deleted")
    visitor.look("deleted")
    visitor.press(re.compile("^Restore Zeller120"))
    expect(page.get_by_role("status")).to_have_text("It is restored.")
    page.goto("/office/members?search=zeller120")
    expect(page.get_by_role("link", name=re.compile("Zeller120"))).to_have_count(1)
