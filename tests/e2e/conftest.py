"""What the end-to-end tests share: the running quickstart, a browser, and a place for what people want to look at."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from devcluster import cluster, host, quickstart
from tests.e2e.flow_recorder import FlowRecorder
from tests.e2e.kubernetes import ARTIFACTS, NAMESPACE, RESOURCE, Kubernetes
from tests.e2e.outer_interface import FILTER, OuterInterface

CHROMIUM = Path("/usr/bin/chromium")
CHROMIUM_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""Chromium as root on a machine without a way out: nothing it does of itself may try to call home."""


ADDRESSES = (f"198.51.100.{number}" for number in itertools.cycle(range(1, 255)))
"""Everybody has an address of their own, as in the world: strangers share ten requests a minute by address."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/e2e/" in str(item.path):
            item.add_marker(pytest.mark.cluster)


@pytest.fixture(scope="session")
def kubernetes() -> Kubernetes:
    found = Kubernetes.of_environment()
    if found.embedded and not cluster.DAEMONS.running("kube-apiserver"):
        pytest.fail("the cluster is not up; remedy: make up")
    return found


@pytest.fixture(scope="session")
def artifacts() -> Path:
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    return ARTIFACTS


@pytest.fixture(scope="session")
def password(kubernetes: Kubernetes) -> str:
    return kubernetes.secret(NAMESPACE, f"{RESOURCE}-demo-logins", "password")


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    """A client that comes through the ingress, as everybody does."""
    with httpx.Client(base_url=quickstart.URL, timeout=10, headers={"X-Forwarded-For": next(ADDRESSES)}) as client:
        yield client


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists() and os.geteuid() == 0:
        _install("chromium")
    own = str(CHROMIUM) if CHROMIUM.exists() else None  # else the one that `playwright install` brought
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=own, args=list(CHROMIUM_FLAGS))
        yield running
        running.close()


@pytest.fixture
def visitor(browser: Browser) -> Iterator[BrowserContext]:
    """A fresh browser profile on a laptop's screen."""
    context = browser.new_context(
        base_url=quickstart.URL,
        viewport={"width": 1280, "height": 900},
        extra_http_headers={"X-Forwarded-For": next(ADDRESSES)},
    )
    yield context
    context.close()


@pytest.fixture(scope="session", autouse=True)
def flows(kubernetes: Kubernetes) -> Iterator[FlowRecorder | None]:
    """Every flow of pods from before the first test on; only where this host is the node."""
    if not kubernetes.embedded:
        yield None
        return
    with contextlib.closing(FlowRecorder(kubernetes.target, ARTIFACTS)) as recorder:
        yield recorder


@pytest.fixture(scope="session", autouse=True)
def outer_interface(kubernetes: Kubernetes) -> Iterator[OuterInterface | None]:
    """Captures from before the first test to the last one; only where pods' traffic is this host's."""
    if not kubernetes.embedded:
        yield None
        return
    if shutil.which("tcpdump") is None:
        _install("tcpdump")
    route = subprocess.run(["ip", "route", "show", "default"], capture_output=True, text=True, check=True, timeout=10)
    interface = route.stdout.split("dev ")[1].split()[0]
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    capture = ARTIFACTS / "outer-interface.pcap"
    command = ["tcpdump", "-ni", interface, "-U", "-Z", "root", "-w", str(capture), *FILTER.split()]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 10
        while not capture.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        yield OuterInterface(process, capture)
        process.terminate()


def _install(package: str) -> None:
    host.require_root()
    for command in (["apt-get", "update", "-q"], ["apt-get", "install", "-qy", "--no-install-recommends", package]):
        subprocess.run(command, check=True, capture_output=True, timeout=900)
