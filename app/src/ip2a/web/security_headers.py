"""Security headers on every response, as a pure ASGI middleware.

The policy allows nothing but the platform's own files: no inline script or style, no other origin.
"""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

COMMON = (
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
)
STRICT_TRANSPORT = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")
NOT_STORED = (b"cache-control", b"no-store")


class SecurityHeaders:
    """Adds the headers; personal answers are not stored by browsers unless they say otherwise."""

    def __init__(self, app: ASGIApp, *, in_production: bool) -> None:
        self._app = app
        self._headers = (*COMMON, STRICT_TRANSPORT) if in_production else COMMON

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message["headers"] = list(message.get("headers", ()))
                headers.extend(self._headers)
                if not any(name == b"cache-control" for name, _ in headers):
                    headers.append(NOT_STORED)
            await send(message)

        await self._app(scope, receive, send_with_headers)
