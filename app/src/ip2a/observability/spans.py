"""One OpenTelemetry span a request, where IP2A_OTLP_ENDPOINT says where to send them; else nothing of it is loaded.

A span tells what the metrics tell: method, route template, status and duration. No address, query, header or body is
given to it, so nothing of a person can be in it. Its ids are those of our `traceparent` and of the logs.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Protocol

from ip2a import __version__
from ip2a.observability.tracing import span_id_of
from ip2a.settings import Settings

if TYPE_CHECKING:
    from opentelemetry.trace import SpanContext

EXPORT_SECONDS = 5.0  # a call to the collector may take; what does not fit into the queue meanwhile is dropped
_HALF = 0xFFFFFFFFFFFFFFFF
_SERVER_ERROR = 500


class Spans(Protocol):
    """Where spans go."""

    def ended(self, key: tuple[str, str, int], seconds: float, traceparent: bytes, caller: bytes) -> None:
        """A request of (method, route, status) was answered just now, after so many seconds."""

    def close(self) -> None:
        """Send what is left; blocks for EXPORT_SECONDS at most."""


def create_spans(settings: Settings) -> Spans | None:
    """As the settings say; None is off."""
    return OtlpSpans(settings.otlp_endpoint, settings.trace_share) if settings.otlp_endpoint else None


def is_sampled(traceparent: bytes, share: float) -> bool:
    """Whether a trace is one of the share that is kept: the same in every process, and never against the caller."""
    wanted = int(traceparent[53:55], 16) & 1
    return bool(wanted) and int(traceparent[19:35], 16) < share * (_HALF + 1)


class OtlpSpans:
    """Sends batches to a collector by OTLP over HTTP, from a thread of its own."""

    def __init__(self, endpoint: str, share: float) -> None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 (optional)
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import ReadableSpan  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
        from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags  # noqa: PLC0415

        self._share = share
        self._span, self._context, self._kind = ReadableSpan, SpanContext, SpanKind.SERVER
        self._flags = TraceFlags(TraceFlags.SAMPLED)
        self._failed, self._unset = Status(StatusCode.ERROR), Status(StatusCode.UNSET)
        self._resource = Resource.create({"service.name": "ip2a-app", "service.version": __version__})
        exporter = OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces", timeout=EXPORT_SECONDS)
        self._exporter = exporter
        self._processor = BatchSpanProcessor(exporter, export_timeout_millis=EXPORT_SECONDS * 1000)

    def ended(self, key: tuple[str, str, int], seconds: float, traceparent: bytes, caller: bytes) -> None:
        """Queue the request's span if its trace is sampled."""
        if not is_sampled(traceparent, self._share):
            return
        method, route, status = key
        trace, parent, now = int(traceparent[3:35], 16), span_id_of(caller), time.time_ns()
        self._processor.on_end(
            self._span(
                name=f"{method} {route}",
                context=self._span_context(trace, traceparent[36:52], remote=False),
                parent=self._span_context(trace, parent, remote=True) if parent else None,
                resource=self._resource,
                attributes={"http.request.method": method, "http.route": route, "http.response.status_code": status},
                kind=self._kind,
                status=self._failed if status >= _SERVER_ERROR else self._unset,
                start_time=now - int(seconds * 1e9),
                end_time=now,
            )
        )

    def close(self) -> None:
        """Send what is left; a collector that does not answer is not waited for."""
        ending = threading.Thread(target=self._end, daemon=True)
        ending.start()
        ending.join(EXPORT_SECONDS)
        if ending.is_alive():
            self._exporter.shutdown()  # type: ignore[no-untyped-call]

    def _end(self) -> None:
        self._processor.shutdown()  # type: ignore[no-untyped-call]

    def _span_context(self, trace: int, span: bytes, *, remote: bool) -> SpanContext:
        return self._context(trace, int(span, 16), is_remote=remote, trace_flags=self._flags)
