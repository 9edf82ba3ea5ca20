"""Which class a request belongs to: pure, from method, path and who asks."""

from ip2a.limits.rates import (
    ADMIN,
    ANONYMOUS,
    API_KEY,
    LOGIN_ADDRESS,
    RECOVERY_ADDRESS,
    STAFF,
    VISITOR,
    WEBHOOK,
    Rate,
)

LOGIN = frozenset({"/login", "/api/v1/auth/login"})
REFRESH = "/api/v1/auth/refresh"
RECOVERY = frozenset({"/forgot-password", "/api/v1/auth/password-reset"})
WEBHOOKS = "/api/v1/webhooks/"
API = "/api/"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
PROBES = frozenset({"/livez", "/readyz"})
STATIC = "/static/"
REPORTS = "/api/v1/reports"
OFFICE = frozenset({STAFF.user_type, ADMIN.user_type, API_KEY.user_type})


def is_free(method: str, path: str) -> bool:
    """Whether a request is neither counted nor gated: static files, probes, the empty log-in form."""
    return path.startswith(STATIC) or path in PROBES or (path in LOGIN and method in SAFE)


def is_page(path: str) -> bool:
    """Whether a person looks at the answer."""
    return not path.startswith(API)


def anonymous_rate(method: str, path: str) -> Rate:
    """How often one address may ask this without a session."""
    if path in LOGIN or path == REFRESH:
        return LOGIN_ADDRESS
    if path in RECOVERY and method not in SAFE:
        return RECOVERY_ADDRESS
    if path.startswith(WEBHOOKS):
        return WEBHOOK
    return VISITOR if is_page(path) and method in SAFE else ANONYMOUS


def kind_of(method: str, route: str) -> str:
    """What a person would call requests of this method and route."""
    if route in LOGIN or route == REFRESH:
        return "Logging in"
    if route.startswith(API):
        return "API, reading" if method in SAFE else "API, changing"
    return ("Pages" if method in SAFE else "Forms") if route.startswith("/") else "Refused or unknown"


def route_class(method: str, path: str, rate: Rate) -> str:
    """The admission class of what is not a cacheable read: those gate themselves when they miss."""
    if path in LOGIN:
        return "login"
    if path.startswith(REPORTS):
        return "reports"
    if rate.user_type in OFFICE:
        return "staff"
    return "page" if method in SAFE else "write"
