"""Security headers on every response.

The policy allows nothing but the platform's own files: no inline script or style, no other origin.
"""

from urllib.parse import urlsplit

from ip2a.settings import Settings

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


CARD_PAYMENTS = "https://checkout.stripe.com"


def form_targets(settings: Settings) -> tuple[str, ...]:
    """Origins that forms of pages may lead to: the payment provider, and the store that takes files."""
    files = urlsplit(settings.s3_public_endpoint or settings.s3_endpoint)
    return (
        *((CARD_PAYMENTS,) if settings.payments_provider else ()),
        *((f"{files.scheme}://{files.netloc}",) if files.netloc else ()),
    )


def security_headers(*, in_production: bool, form_targets: tuple[str, ...] = ()) -> tuple[tuple[bytes, bytes], ...]:
    """The headers of every response; HSTS only where the platform is served over TLS.

    Forms may lead to `form_targets` too: browsers judge where a form's answer redirects to.
    """
    policy = CONTENT_SECURITY_POLICY.replace("form-action 'self'", " ".join(("form-action 'self'", *form_targets)))
    headers = (COMMON[0][0], policy.encode()), *COMMON[1:]
    return (*headers, STRICT_TRANSPORT) if in_production else headers
