"""What reaches Sentry of an unexpected error: where it happened, and nothing that anybody typed, sent or is."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import sentry_sdk

from ip2a.observability import crash_reports
from ip2a.settings import Settings
from tests.unit.app.observability.collector import Collector, collector

SECRET = "correct horse battery staple"


@pytest.fixture
def sentry() -> Iterator[Collector]:
    with collector() as kept:
        address = f"http://key@{kept.address}/1"
        settings = Settings(
            environment="development", public_url="http://localhost", db_write_host="x", sentry_dsn=address
        )
        crash_reports.start(settings)
        yield kept
        sentry_sdk.get_client().close()
        sentry_sdk.init()  # off for the tests that follow


def events(kept: Collector) -> list[dict[str, Any]]:
    sentry_sdk.flush(5)
    lines = [line for _, body in kept.received for line in body.splitlines()]
    return [event for event in map(json.loads, lines) if "event_id" in event and "level" in event]


def fail(password: str) -> None:
    local = {"password": password, "email": "ana@example.org"}
    raise ValueError(f"cannot log in {local['email']} with {password}")


def test_a_report_says_where_but_nothing_of_whom(sentry: Collector) -> None:
    try:
        fail(SECRET)
    except ValueError:
        logging.getLogger("ip2a.edge").exception("unexpected error in %s", f"/members/{SECRET}?token={SECRET}")
    (event,) = events(sentry)
    text = json.dumps([body.decode() for _, body in sentry.received])
    assert SECRET not in text
    assert "ana@example.org" not in text
    (error,) = event["exception"]["values"]
    assert error["type"] == "ValueError"
    frames = error["stacktrace"]["frames"]
    assert frames[-1]["function"] == "fail"
    assert not any("vars" in frame or "context_line" in frame for frame in frames)
    assert event["logentry"] == {"message": "unexpected error in %s"}
    assert not set(event) & {"request", "user", "breadcrumbs", "extra", "modules", "contexts", "server_name"}


def test_the_text_of_others_is_not_sent(sentry: Collector) -> None:
    logging.getLogger("asyncio").error(f"Task exception was never retrieved: {SECRET}")
    (event,) = events(sentry)
    assert "logentry" not in event
    assert SECRET not in json.dumps(event)


def test_warnings_are_not_reported(sentry: Collector) -> None:
    logging.getLogger("ip2a.edge").warning("database unavailable")
    assert events(sentry) == []
