"""Errors that nobody expected, reported to Sentry where IP2A_SENTRY_DSN says so; else nothing of it is loaded.

What leaves the process is built from an allow-list: the type of an exception, where in the code it happened, and the
constant text of our own log line. Messages, values of variables, requests and people are never part of it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

from ip2a import __version__
from ip2a.observability.logs import TRACE_ID
from ip2a.settings import Settings

if TYPE_CHECKING:
    from sentry_sdk.types import Event, Hint

FLUSH_SECONDS = 2.0  # at the end of the process
_EVENT = ("event_id", "timestamp", "level", "logger", "platform", "release", "environment")
_FRAME = ("filename", "function", "module", "lineno", "in_app")


def start(settings: Settings) -> None:
    """Report from now on whatever is logged as an error, if the settings say where to."""
    if not settings.sentry_dsn.get_secret_value():
        return
    import sentry_sdk  # noqa: PLC0415 (optional)
    from sentry_sdk.integrations.logging import LoggingIntegration  # noqa: PLC0415

    sentry_sdk.init(
        dsn=settings.sentry_dsn.get_secret_value(),
        release=__version__,
        environment=settings.environment,
        default_integrations=False,
        auto_enabling_integrations=False,
        integrations=[LoggingIntegration(level=None, event_level=logging.ERROR)],
        include_local_variables=False,
        include_source_context=False,
        max_breadcrumbs=0,
        server_name="",
        shutdown_timeout=FLUSH_SECONDS,
        before_send=scrubbed,
    )


def scrubbed(event: Event, _hint: Hint) -> Event:
    """What may be sent of an event."""
    given = cast("Mapping[str, Any]", event)
    kept: dict[str, Any] = {name: given[name] for name in _EVENT if name in given}
    if str(given.get("logger", "")).partition(".")[0] == "ip2a":  # others write values into the text itself
        kept["logentry"] = {"message": given.get("logentry", {}).get("message", "")}
    kept["exception"] = {"values": [_exception(each) for each in _values(given.get("exception"))]}
    kept["tags"] = {"trace_id": TRACE_ID.get()}
    return cast("Event", kept)


def _exception(given: Mapping[str, Any]) -> dict[str, Any]:
    frames = (given.get("stacktrace") or {}).get("frames", ())
    return {
        "type": given.get("type"),
        "module": given.get("module"),
        "stacktrace": {"frames": [{name: frame[name] for name in _FRAME if name in frame} for frame in frames]},
    }


def _values(given: Mapping[str, Any] | None) -> Iterable[Mapping[str, Any]]:
    values: Iterable[Mapping[str, Any]] = (given or {}).get("values", ())
    return values
