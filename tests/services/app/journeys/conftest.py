"""The browser of the journeys, the server it asks, and who sits before it; each module says who that is (`local`)."""

from __future__ import annotations

import asyncio
import re
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, sync_playwright

from devcluster.services import Redis
from ip2a.runtime import Runtime, create_runtime
from ip2a.settings import load_settings
from tests.services.app.conftest import PASSWORD, People, Person, some_address
from tests.services.app.processes import Fleet, platform

Local = TypeVar("Local")
CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync")
SCREENSHOTS = Path(__file__).parents[4] / "artifacts" / "journeys"
STANDARDS = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"], "resultTypes": ["violations"]}
DESK = ViewportSize(width=1280, height=900)
TELEPHONE = ViewportSize(width=390, height=844)


def made(environment: dict[str, str], password_hash: str, make: Callable[[Runtime, People], Awaitable[Local]]) -> Local:
    """People and their rows, made before the browser starts."""

    async def with_runtime() -> Local:
        runtime = create_runtime(load_settings())
        await runtime.start()
        local = await make(runtime, People(runtime, password_hash))
        await runtime.close()
        return local

    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        return asyncio.run(with_runtime())


@pytest.fixture(scope="module")
def fleet(
    local: object,
    app_environment: dict[str, str],
    redis_server: Redis,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Fleet]:
    """A server process; Redis remembers nothing of other modules' databases, whose accounts have the same ids."""
    redis_server.flush()
    with platform(app_environment, tmp_path_factory.mktemp("platform")) as fleet:
        yield fleet


@pytest.fixture(scope="module")
def browser(fleet: Fleet) -> Iterator[Browser]:
    if not CHROMIUM.exists():
        for command in (["update", "-q"], ["install", "-qy", "--no-install-recommends", "chromium"]):
            subprocess.run(["apt-get", *command], check=True, capture_output=True, timeout=900)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(FLAGS))
        yield running
        running.close()


class Visitor:
    """A person at a browser; whatever page they look at is checked and kept."""

    def __init__(self, context: BrowserContext) -> None:
        self.page: Page = context.new_page()
        self.trouble: list[str] = []
        self.page.on("pageerror", lambda error: self.trouble.append(str(error)))
        self.page.on("console", self._hear)

    def _hear(self, message: object) -> None:
        text = getattr(message, "text", "")
        if getattr(message, "type", "") == "error":
            self.trouble.append(f"{text} ({getattr(message, 'location', '')})")

    def log_in(self, person: Person) -> None:
        self.page.goto("/login")
        self.page.get_by_label("E-mail address").fill(person.email)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Log in").click()

    def press(self, name: str | re.Pattern[str]) -> None:
        self.page.get_by_role("button", name=name).first.click()

    def look(self, name: str) -> None:
        """The page is accessible and fits its screen, on a desk and on a telephone."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        for size, suffix in ((TELEPHONE, "telephone"), (DESK, "desk")):
            self.page.set_viewport_size(size)
            self.page.screenshot(path=SCREENSHOTS / f"{name}-{suffix}.png", full_page=True)
            assert self.page.evaluate("document.documentElement.scrollWidth") <= size["width"], f"{name} is too wide"
            found = Axe().run(self.page, options=STANDARDS)
            assert found.violations_count == 0, f"{name} on a {suffix}:\n{found.generate_report()}"


@pytest.fixture
def visitor(fleet: Fleet, browser: Browser) -> Iterator[Visitor]:
    fleet.set_clock(None)
    context = browser.new_context(
        base_url=fleet.urls[0],
        viewport=DESK,
        extra_http_headers={"X-Forwarded-For": some_address()},
    )
    visitor = Visitor(context)
    yield visitor
    context.close()
    assert visitor.trouble == []
