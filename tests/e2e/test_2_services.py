"""Documents and mails of the quickstart: kept on an S3 server and by a mail catcher, both reached as browsers do."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import BrowserContext, expect

from devcluster import quickstart
from tests.e2e.kubernetes import Kubernetes

TEXT = b"%PDF-1.4\n% a document of one page\n"
MAIL_SECONDS = 30


def _log_in(client: httpx.Client, password: str) -> dict[str, str]:
    answer = client.post("/api/v1/auth/login", json={"email": "member@local46.example", "password": password})
    assert answer.status_code == 200, answer.text
    return {"X-CSRF-Token": client.get("/api/v1/auth/me").json()["csrf_token"]}


def _at_the_ingress(url: str) -> tuple[str, dict[str, str]]:
    """A browser takes names below localhost for this machine; this client has to be told."""
    parts = urlsplit(url)
    assert parts.netloc == urlsplit(quickstart.S3_URL).netloc
    return parts._replace(netloc=urlsplit(quickstart.URL).netloc).geturl(), {"Host": parts.netloc}


def test_a_member_uploads_a_document_and_gets_it_back(http: httpx.Client, password: str) -> None:
    headers = _log_in(http, password)
    begun = http.post("/api/v1/my/documents", json={"title": "My licence"}, headers=headers)
    assert begun.status_code == 201, begun.text
    started = begun.json()
    url, host = _at_the_ingress(started["url"])
    file = {"file": ("licence.pdf", TEXT, "application/pdf")}
    with httpx.Client(timeout=20) as browser:
        sent = browser.post(url, data=started["fields"], files=file, headers=host)
        assert sent.status_code in {200, 201, 204}, sent.text
        path = f"/api/v1/my/documents/{started['document']['id']}"
        kept = http.post(f"{path}/confirm", headers=headers)
        assert kept.status_code == 200, kept.text
        url, host = _at_the_ingress(http.get(f"{path}/file").json()["url"])
        fetched = browser.get(url, headers=host)
    assert fetched.content == TEXT
    assert "attachment" in fetched.headers["content-disposition"]


def test_a_member_hands_a_file_in_with_a_browser(visitor: BrowserContext, password: str, tmp_path: Path) -> None:
    """From the page to the S3 server and back: its address is one that browsers reach, and the page lets them."""
    card = tmp_path / "card.pdf"
    card.write_bytes(TEXT)
    page = visitor.new_page()
    trouble: list[str] = []
    page.on("console", lambda message: trouble.append(message.text) if message.type == "error" else None)
    page.goto("/login")
    page.get_by_label("E-mail address").fill("member@local46.example")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="My dues")).to_be_visible()
    page.goto("/my/documents")
    page.get_by_label("Title").fill("OSHA card")
    page.get_by_role("button", name="Choose the file").click()
    page.get_by_label("File").set_input_files(card)
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("status")).to_have_text("The document is kept.")
    with page.expect_download() as download:
        page.get_by_role("link", name="OSHA card").click()
    assert Path(download.value.path()).read_bytes() == TEXT
    page.get_by_role("button", name="Delete OSHA card").click()
    expect(page.get_by_role("status")).to_have_text("The document is deleted.")
    assert trouble == []


@pytest.mark.usefixtures("password")
def test_a_forgotten_password_leads_to_a_mail(http: httpx.Client, kubernetes: Kubernetes) -> None:
    address = "organizer@local46.example"
    asked = http.post("/api/v1/auth/password-reset", json={"email": address})
    assert asked.status_code == 202, asked.text
    host = {"Host": urlsplit(quickstart.MAIL_URL).netloc}
    catcher = httpx.Client(base_url=quickstart.URL, headers=host, timeout=10)

    def arrived() -> list[str]:
        found = catcher.get("/api/v1/messages").raise_for_status().json()["messages"]
        return [mail["ID"] for mail in found if address in {to["Address"] for to in mail["To"]}]

    with catcher:
        kubernetes.eventually(lambda: bool(arrived()), within=MAIL_SECONDS, what="the mail is caught")
        text = catcher.get(f"/view/{arrived()[0]}.txt").text
        assert re.search(rf"{re.escape(quickstart.URL)}/\S+", text), "the link leads to the platform"
        assert catcher.get("/").status_code == 200
