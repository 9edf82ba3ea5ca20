"""What people do, through the ingress: by plain HTTP and in a real browser; and where it ends up in the database."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from devcluster import quickstart
from tests.e2e.kubernetes import NAMESPACE, RESOURCE, Kubernetes

REPLICA_SECONDS = 10


def _log_in(client: httpx.Client, role: str, password: str) -> str:
    answer = client.post("/api/v1/auth/login", json={"email": f"{role}@local46.example", "password": password})
    assert answer.status_code == 200, answer.text
    for cookie in answer.headers.get_list("set-cookie"):
        if "token" in cookie.partition("=")[0]:
            assert "HttpOnly" in cookie
            assert "SameSite" in cookie
    token = client.get("/api/v1/auth/me").json()["csrf_token"]
    assert isinstance(token, str)
    return token


@pytest.mark.parametrize("role", quickstart.ROLES)
def test_every_role_logs_in(http: httpx.Client, password: str, role: str) -> None:
    _log_in(http, role, password)
    assert role in http.get("/api/v1/auth/me").json()["roles"]


def test_a_member_sees_own_dues_and_pays_and_the_row_reaches_primary_and_replica(
    http: httpx.Client, password: str, kubernetes: Kubernetes
) -> None:
    token = _log_in(http, "member", password)
    assert http.get("/api/v1/my/profile").status_code == 200
    items = http.get("/api/v1/my/dues").json()["items"]
    open_one = next(item for item in items if item["amount_due_cents"] - item["amount_paid_cents"] > 100)
    answer = http.post(
        f"/api/v1/my/dues/{open_one['id']}/payments",
        json={"amount_cents": 100},
        headers={"X-CSRF-Token": token, "Idempotency-Key": f"e2e-{open_one['id']}-{open_one['amount_paid_cents']}"},
    )
    assert answer.status_code == 201, answer.text
    receipt = answer.json()["receipt_number"]
    assert re.fullmatch(r"RCP-\d{6}-[0-9a-f]{8,}", receipt)
    count = f"select count(*) from payments where receipt_number = '{receipt}'"  # noqa: S608 - matched above
    assert kubernetes.sql(count, role="primary") == "1"
    kubernetes.eventually(
        lambda: kubernetes.sql(count, role="replica") == "1", within=REPLICA_SECONDS, what="the row on the replica"
    )


def test_strangers_and_wrong_passwords_are_refused(http: httpx.Client) -> None:
    assert http.get("/api/v1/my/dues").status_code == 401
    answer = http.post("/api/v1/auth/login", json={"email": "nobody@local46.example", "password": "not-it-at-all"})
    assert answer.status_code == 401
    assert answer.headers["content-type"].startswith("application/problem+json")


def test_metrics_are_not_behind_the_ingress(http: httpx.Client) -> None:
    assert http.get("/metrics").status_code == 404


def test_the_self_signed_port_serves_the_same_platform() -> None:
    with httpx.Client(base_url="https://localhost:8443", verify=False) as client:  # noqa: S501 - self-signed by design
        assert client.get("/login").status_code == 200


def test_a_member_pays_dues_in_a_browser(
    visitor: BrowserContext, password: str, kubernetes: Kubernetes, artifacts: Path
) -> None:
    page = visitor.new_page()
    trouble: list[str] = []
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("console", lambda message: trouble.append(message.text) if message.type == "error" else None)
    page.goto("/my/dues")
    expect(page).to_have_url(re.compile(r"/login"))
    page.screenshot(path=artifacts / "login.png", full_page=True)
    page.get_by_label("E-mail address").fill("member@local46.example")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="My dues")).to_be_visible()
    before = _cents(page)
    page.screenshot(path=artifacts / "dues-before.png", full_page=True)
    page.get_by_role("button", name=re.compile(r"^Pay \$")).first.click()
    expect(page.get_by_role("status")).to_contain_text("Your payment is recorded under receipt")
    page.screenshot(path=artifacts / "dues-paid.png", full_page=True)
    receipt = page.get_by_role("status").locator("strong").inner_text()
    statement = f"select amount_cents from payments where receipt_number = '{receipt}'"  # noqa: S608 - our own page's
    paid = int(kubernetes.sql(statement, role="primary"))
    assert _cents(page) == before - paid
    assert trouble == []


def test_the_member_page_fits_a_telephone(visitor: BrowserContext, password: str, artifacts: Path) -> None:
    page = visitor.new_page()
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto("/login")
    page.get_by_label("E-mail address").fill("member@local46.example")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="My dues")).to_be_visible()
    page.screenshot(path=artifacts / "dues-telephone.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_pods_are_what_pod_security_calls_restricted(kubernetes: Kubernetes) -> None:
    labels = kubernetes.get("namespace", NAMESPACE)["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    assert kubernetes.names("-n", NAMESPACE, "pods", "-l", f"ip2a.dev/owner={RESOURCE}")


def _cents(page: Page) -> int:
    return int(re.sub(r"\D", "", page.locator("#balance").inner_text()))
