"""Which class a request belongs to: pure, from method, path and who asks."""

from ip2a.limits.rates import MEMBER, Rate

LOGIN = frozenset({"/login", "/api/v1/auth/login"})
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
PROBES = frozenset({"/livez", "/readyz"})
STATIC = "/static/"
REPORTS = "/api/v1/reports"


def is_free(method: str, path: str) -> bool:
    """Whether a request is neither counted nor gated: static files, probes, the empty log-in form."""
    return path.startswith(STATIC) or path in PROBES or (path in LOGIN and method in SAFE)


def route_class(method: str, path: str, rate: Rate) -> str:
    """The admission class. Cacheable reads gate themselves when they miss."""
    if path in LOGIN:
        return "login"
    if path.startswith(REPORTS):
        return "reports"
    if method in SAFE:
        return "self"
    return "write" if rate.user_type in {MEMBER.user_type, "anonymous"} else "staff"
