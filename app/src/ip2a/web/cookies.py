"""The cookies of a session: their names, lifetimes and flags, in one place."""

from starlette.responses import Response

from ip2a.security.tokens import ACCESS_LIFETIME, REFRESH_LIFETIME

ACCESS = "ip2a_access"
REFRESH = "ip2a_refresh"
VISITOR = "ip2a_visitor"
VISITOR_LIFETIME = 3600  # seconds a log-in form stays valid


def set_session_cookies(response: Response, access_token: str, refresh_token: str, *, secure: bool) -> None:
    """Both tokens out of reach of scripts; SameSite keeps other sites from using them for writes."""
    response.set_cookie(
        ACCESS,
        access_token,
        max_age=int(ACCESS_LIFETIME.total_seconds()),
        httponly=True,
        secure=secure,
        samesite="lax",
    )
    response.set_cookie(
        REFRESH,
        refresh_token,
        max_age=int(REFRESH_LIFETIME.total_seconds()),
        httponly=True,
        secure=secure,
        samesite="lax",
    )
    response.delete_cookie(VISITOR, httponly=True, secure=secure, samesite="lax")


def clear_session_cookies(response: Response, *, secure: bool) -> None:
    """Forget the session in the browser."""
    for name in (ACCESS, REFRESH):
        response.delete_cookie(name, httponly=True, secure=secure, samesite="lax")


def set_visitor_cookie(response: Response, visitor: str, *, secure: bool) -> None:
    """Ties the log-in form to the browser that asked for it."""
    response.set_cookie(VISITOR, visitor, max_age=VISITOR_LIFETIME, httponly=True, secure=secure, samesite="lax")
