"""FakeCheckout: a stand-in for Stripe Checkout that remembers.

No real one can run here. It speaks HTTP to the library of Stripe, keeps sessions and keys, and signs messages
as Stripe does, so that a test can deliver them late, twice, in another order, or never.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any
from urllib.parse import parse_qs

SECRET = "whsec_fake"


class FakeCheckout:
    """Its sessions by id. `broken` makes it answer 500."""

    def __init__(self) -> None:
        self.sessions: dict[str, dict[str, Any]] = {}
        self.by_key: dict[str, str] = {}
        self.asked = 0
        self.broken = False
        self._events = 0
        self._lock = Lock()

    def create(self, key: str, form: dict[str, list[str]]) -> dict[str, Any]:
        """The session of this idempotency key, made if it is new."""
        with self._lock:
            if key not in self.by_key:
                number = f"cs_fake_{len(self.sessions) + 1}"
                self.by_key[key] = number
                self.sessions[number] = {
                    "id": number,
                    "object": "checkout.session",
                    "client_reference_id": form["client_reference_id"][0],
                    "status": "open",
                    "payment_status": "unpaid",
                    "amount_total": int(form["line_items[0][price_data][unit_amount]"][0]),
                    "currency": form["line_items[0][price_data][currency]"][0],
                    "url": f"https://checkout.stripe.com/c/pay/{number}",
                    "payment_method_types": ["card"],
                }
            return self.sessions[self.by_key[key]]

    def set(self, number: str, **fields: object) -> None:
        """What happened to a session at the provider."""
        self.sessions[number].update(fields)

    def event(self, number: str, kind: str = "completed") -> bytes:
        """A message about the session as it is now."""
        self._events += 1
        message = {
            "id": f"evt_fake_{self._events}",
            "object": "event",
            "type": f"checkout.session.{kind}",
            "data": {"object": dict(self.sessions[number])},
        }
        return json.dumps(message).encode()


def signature(body: bytes, *, secret: str = SECRET, at: float | None = None) -> str:
    """The header Stripe sends with a message."""
    moment = int(time.time() if at is None else at)
    mac = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={moment},v1={mac}"


@contextmanager
def fake_checkout() -> Iterator[tuple[FakeCheckout, str]]:
    """The fake, and where it listens."""
    fake = FakeCheckout()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
            fake.asked += 1
            self._answer(lambda: fake.create(self.headers["idempotency-key"], form))

        def do_GET(self) -> None:
            fake.asked += 1
            self._answer(lambda: fake.sessions[self.path.rsplit("/", 1)[1]])

        def _answer(self, make: Any) -> None:
            body = json.dumps({"error": {"message": "broken"}} if fake.broken else make()).encode()
            self.send_response(500 if fake.broken else 200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield fake, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
