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
    """Its sessions by id, and refunds by our keys. `broken` makes it answer 500, `refusing` 400."""

    def __init__(self) -> None:
        self.sessions: dict[str, dict[str, Any]] = {}
        self.by_key: dict[str, str] = {}
        self.asked = 0
        self.broken = False
        self.refusing = False
        self.refunds: dict[str, dict[str, Any]] = {}
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
                    "payment_intent": f"pi_fake_{number}",
                }
            return self.sessions[self.by_key[key]]

    def refund(self, key: str, form: dict[str, list[str]]) -> dict[str, Any]:
        """The refund of this idempotency key, made if it is new."""
        with self._lock:
            if key not in self.refunds:
                self.refunds[key] = {
                    "id": f"re_fake_{form['payment_intent'][0]}_{len(self.refunds) + 1}",
                    "object": "refund",
                    "amount": int(form["amount"][0]),
                    "payment_intent": form["payment_intent"][0],
                    "status": "succeeded",
                }
            return self.refunds[key]

    def charge(self, number: str, refunded: int) -> bytes:
        """A message that this much of the session's charge was given back by now."""
        session = self.sessions[number]
        charge = {
            "id": f"ch_fake_{number}",
            "object": "charge",
            "amount": session["amount_total"],
            "amount_refunded": refunded,
            "payment_intent": session["payment_intent"],
            "metadata": {"checkout_id": session["client_reference_id"]},
        }
        return self._message("charge.refunded", charge)

    def set(self, number: str, **fields: object) -> None:
        """What happened to a session at the provider."""
        self.sessions[number].update(fields)

    def event(self, number: str, kind: str = "completed") -> bytes:
        """A message about the session as it is now."""
        return self._message(f"checkout.session.{kind}", dict(self.sessions[number]))

    def _message(self, kind: str, about: dict[str, Any]) -> bytes:
        self._events += 1
        message = {"id": f"evt_fake_{self._events}", "object": "event", "type": kind, "data": {"object": about}}
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
            make = fake.refund if self.path.endswith("/refunds") else fake.create
            self._answer(lambda: make(self.headers["idempotency-key"], form), refused=fake.refusing)

        def do_GET(self) -> None:
            fake.asked += 1
            self._answer(lambda: fake.sessions[self.path.rsplit("/", 1)[1]])

        def _answer(self, make: Any, *, refused: bool = False) -> None:
            wrong = {"error": {"type": "invalid_request_error", "message": "no"}}
            body = json.dumps(wrong if fake.broken or refused else make()).encode()
            self.send_response(500 if fake.broken else 400 if refused else 200)
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
