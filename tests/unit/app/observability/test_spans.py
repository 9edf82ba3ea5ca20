"""Spans: what is sent, what is not, and that nothing is loaded where they are off."""

import os
import subprocess
import sys
import time

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from devcluster.paths import CHECKOUT
from ip2a.observability.spans import EXPORT_SECONDS, OtlpSpans, is_sampled
from ip2a.observability.tracing import traceparent_for
from tests.unit.app.observability.collector import collector

CALLER = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
ROUTE = ("GET", "/api/v1/members/{member_id}", 200)


def test_a_span_tells_what_the_metrics_tell_and_no_more() -> None:
    ours = traceparent_for(CALLER)
    with collector() as kept:
        spans = OtlpSpans(f"http://{kept.address}", 1.0)
        spans.ended(ROUTE, 0.25, ours, CALLER)
        spans.ended((*ROUTE[:2], 503), 0.25, traceparent_for(b""), b"")
        spans.close()
    ((path, body),) = kept.received
    assert path == "/v1/traces"
    sent = ExportTraceServiceRequest.FromString(body)
    first, second = sent.resource_spans[0].scope_spans[0].spans
    assert first.name == "GET /api/v1/members/{member_id}"
    assert first.trace_id.hex() == "0af7651916cd43dd8448eb211c80319c"
    assert first.parent_span_id.hex() == "b7ad6b7169203331"
    assert first.span_id.hex().encode() == ours[36:52], "as the traceparent that was sent on"
    assert first.end_time_unix_nano - first.start_time_unix_nano == 250_000_000
    assert {each.key for each in first.attributes} == {
        "http.request.method",
        "http.route",
        "http.response.status_code",
    }
    assert not second.parent_span_id
    assert (first.status.code, second.status.code) == (0, 2)


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_the_share_of_traces_is_kept(share: float) -> None:
    kept = sum(is_sampled(traceparent_for(b""), share) for _ in range(4000)) / 4000
    assert abs(kept - share) < 0.05


def test_a_caller_who_does_not_sample_is_heeded() -> None:
    assert is_sampled(traceparent_for(CALLER), 1.0)
    assert not is_sampled(traceparent_for(CALLER[:-2] + b"00"), 1.0)


def test_a_collector_that_is_gone_harms_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ip2a.observability.spans.EXPORT_SECONDS", 1.0)
    spans = OtlpSpans("http://127.0.0.1:9", 1.0)
    for _ in range(5000):
        spans.ended(ROUTE, 0.1, traceparent_for(b""), b"")
    started = time.monotonic()
    spans.close()
    assert time.monotonic() - started < 2 * EXPORT_SECONDS


PROGRAM = """
import sys
import ip2a.cli, ip2a.server, ip2a.worker.process, ip2a.jobs
from ip2a.application import create_application
from ip2a.observability import crash_reports
from ip2a.readiness import Readiness
from ip2a.runtime import create_runtime
from ip2a.settings import load_settings

settings = load_settings()
crash_reports.start(settings)
create_application(create_runtime(settings), Readiness())
print(sorted({"opentelemetry.sdk", "opentelemetry.exporter", "sentry_sdk", "requests"} & set(sys.modules)))
"""


@pytest.mark.parametrize(
    ("more", "loaded"),
    [
        ({}, "[]"),
        ({"IP2A_OTLP_ENDPOINT": "http://127.0.0.1:9"}, "['opentelemetry.exporter', 'opentelemetry.sdk', 'requests']"),
        ({"IP2A_SENTRY_DSN": "http://key@127.0.0.1:9/1"}, "['sentry_sdk']"),
    ],
)
def test_what_is_off_is_not_loaded(more: dict[str, str], loaded: str) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(CHECKOUT / "app" / "src"),
        "IP2A_ENVIRONMENT": "development",
        "IP2A_PUBLIC_URL": "http://localhost",
        "IP2A_DB_WRITE_HOST": "127.0.0.1",
        **more,
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.strip() == loaded, done.stderr
