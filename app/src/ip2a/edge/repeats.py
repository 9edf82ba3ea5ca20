"""Repeated writes: the application's answer is held back until it is kept with the change, or the first one is given.

Refusals are not kept: nothing was changed, and the same key may be tried again.
"""

import hashlib
import re

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ip2a.database.once import ONCE, Once, Stored
from ip2a.edge.bodies import Refusal
from ip2a.edge.context import Context
from ip2a.edge.responses import PROBLEM, problem_body
from ip2a.web.problems import Problem

HEADER = b"idempotency-key"
REPLAYED = (b"idempotent-replayed", b"true")
_KEY = re.compile(rb"[\x21-\x7e]{8,100}")
INVALID = Refusal(
    422, "invalid-request", "Idempotency-Key must have 8 to 100 visible ASCII characters.", "Idempotency-Key"
)
_SECRET = ("/api/v1/auth/password", "/api/v1/api-keys")
"""Whose answers hold secrets: that they were given is kept, they themselves are not."""
_OWN_WAY = re.compile(r"/(payments|checkout|confirm)$|/refunds/[0-9]+/approve$|^/api/v1/my/profile$")
"""Payments keep their key in their one statement; checkouts, uploads and refunds ask others between two transactions: a
repeated request goes on where the first one ended. Contact fields are set to what is sent, however often."""


def key_of(headers: list[tuple[bytes, bytes]], path: str) -> bytes | None:
    """The key of a write, where this is the place that keeps it."""
    if not path.startswith("/api/") or _OWN_WAY.search(path):
        return None
    return next((value for name, value in headers if name == HEADER), None)


def is_valid(key: bytes) -> bool:
    """Whether it can be kept."""
    return _KEY.fullmatch(key) is not None


def digest_of(scope: Scope, body: bytes) -> bytes:
    """What makes two requests the same one."""
    told = b"%b %b?%b\n%b" % (scope["method"].encode(), scope["path"].encode(), scope["query_string"], body)
    return hashlib.sha256(told).digest()


async def answer_once(
    app: ASGIApp, scope: Scope, receive: Receive, send: Send, *, once: Once, context: Context
) -> None:
    """Let `app` answer under a key; the first answer again where there is one."""
    messages: list[Message] = []

    async def hold(message: Message) -> None:
        messages.append(message)

    token = ONCE.set(once)
    try:
        await app(scope, receive, hold)
        stored = await _outcome(once, messages, scope["path"])
        context.wrote(await once.finish())
    finally:
        ONCE.reset(token)
        await once.abandon()
    if stored is not None:
        messages = _again(once, stored, scope["path"])
    for message in messages:
        await send(message)


async def _outcome(once: Once, messages: list[Message], path: str) -> Stored | None:
    """Keep the answer with its change; the first answer instead, where there is one."""
    if once.stored is not None:
        return once.stored
    status: int = messages[0]["status"]
    if status in {404, 409, 422}:
        await once.abandon()  # perhaps because it was done before
        return await once.find()
    if not once.holds or status >= 300:
        return None
    body = b"".join(message.get("body", b"") for message in messages[1:])
    media_type = next((value for name, value in messages[0]["headers"] if name == b"content-type"), b"").decode()
    kept = await once.keep(status, media_type, None if body and path.startswith(_SECRET) else body)
    return None if kept else await once.find()


def _again(once: Once, stored: Stored, path: str) -> list[Message]:
    if not once.is_of(stored):
        return _problem(
            Problem(422, "idempotency-key-reused", "This Idempotency-Key was used for another request."), path
        )
    if stored.status is None or stored.answer is None:
        return _problem(
            Problem(409, "answered-before", "This was done before under this key; its answer held a secret."), path
        )
    headers = [REPLAYED]
    if stored.media_type:
        headers += [(b"content-type", stored.media_type.encode()), (b"content-length", b"%d" % len(stored.answer))]
    return _whole(stored.status, headers, stored.answer)


def _problem(problem: Problem, path: str) -> list[Message]:
    body = problem_body(problem, path)
    return _whole(problem.status, [PROBLEM, (b"content-length", b"%d" % len(body))], body)


def _whole(status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> list[Message]:
    return [
        {"type": "http.response.start", "status": status, "headers": headers},
        {"type": "http.response.body", "body": body},
    ]
