"""Repeated writes: the application's answer is held back until it is kept with the change, or the first one is given.

Refusals are not kept: nothing was changed, and the same key may be tried again.

Programs name their key in a header, forms in a hidden field. A form that is sent again as it was is the same request;
the same form with something else in it (somebody went back and typed anew) is another one, so that what was sent is
part of a form's key. What is kept of a page is where it leads to.
"""

import hashlib
import re
from urllib.parse import parse_qs

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ip2a.database.once import ONCE, Once, Stored
from ip2a.edge.bodies import Refusal
from ip2a.edge.context import Context
from ip2a.edge.responses import HTML, PROBLEM, problem_body
from ip2a.edge.routing import is_page
from ip2a.pages.rendering import KEY_FIELD, error_page
from ip2a.web.problems import Problem

HEADER = b"idempotency-key"
REPLAYED = (b"idempotent-replayed", b"true")
MOST_FIELDS = 1000  # of a form that is looked into; Starlette reads no more either
_KEY = re.compile(rb"[\x21-\x7e]{8,100}")
INVALID = Refusal(
    422, "invalid-request", "Idempotency-Key must have 8 to 100 visible ASCII characters.", "Idempotency-Key"
)
_FORM = b"application/x-www-form-urlencoded"
_SEE_OTHER = 303
_SECRET = ("/api/v1/auth/password", "/api/v1/api-keys", "/admin/api-keys")
"""Whose answers hold secrets: that they were given is kept, they themselves are not."""
_OWN_WAY = re.compile(
    r"/(payments|pay|checkout|confirm)$|/refunds/[0-9]+/approve$|^(/api/v1)?/my/profile$|^/account/password$|^/logout$"
)
"""Payments keep their key in their one statement; checkouts, uploads and refunds ask others between two transactions: a
repeated request goes on where the first one ended. Contact fields are set to what is sent, however often. A new
password and a log-out end the session, whose cookies the answer changes."""


def key_of(scope: Scope, body: bytes) -> bytes | None:
    """The key of a write, where this is the place that keeps it."""
    path: str = scope["path"]
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    if _OWN_WAY.search(path):
        return None
    if is_page(path):
        return _key_of_form(scope, headers, body)
    return next((value for name, value in headers if name == HEADER), None)


def _key_of_form(scope: Scope, headers: list[tuple[bytes, bytes]], body: bytes) -> bytes | None:
    """The key of a form as it was sent; None of one without, as of a page that is older than the keys."""
    if not any(name == b"content-type" and value.startswith(_FORM) for name, value in headers):
        return None
    try:
        named = parse_qs(body, max_num_fields=MOST_FIELDS).get(KEY_FIELD.encode())
    except ValueError:
        return None
    if not named or not is_valid(named[0]):
        return None
    return b"form-%b" % hashlib.sha256(b"%b\n%b" % (named[0], digest_of(scope, body))).hexdigest().encode()


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
    if not once.holds or not (status < 300 or status == _SEE_OTHER):
        return None
    headers = dict(messages[0]["headers"])
    body = b"".join(message.get("body", b"") for message in messages[1:])
    media_type = headers.get(b"content-type", b"").decode()
    answer = None if body and path.startswith(_SECRET) else body
    kept = await once.keep(status, media_type, headers[b"location"] if status == _SEE_OTHER else answer)
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
    if stored.status == _SEE_OTHER:
        return _whole(stored.status, [*headers, (b"location", stored.answer), (b"content-length", b"0")], b"")
    if stored.media_type:
        headers += [(b"content-type", stored.media_type.encode()), (b"content-length", b"%d" % len(stored.answer))]
    return _whole(stored.status, headers, stored.answer)


def _problem(problem: Problem, path: str) -> list[Message]:
    page = is_page(path)
    body = error_page(problem).encode() if page else problem_body(problem, path)
    return _whole(problem.status, [HTML if page else PROBLEM, (b"content-length", b"%d" % len(body))], body)


def _whole(status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> list[Message]:
    return [
        {"type": "http.response.start", "status": status, "headers": headers},
        {"type": "http.response.body", "body": body},
    ]
