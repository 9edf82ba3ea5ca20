"""What makes the platform installable: the worker that shows a page when there is no network, and that page."""

from fastapi import APIRouter
from starlette.responses import FileResponse, Response

from ip2a.pages.rendering import STATIC, render

router = APIRouter(include_in_schema=False)


@router.get("/sw.js")
async def service_worker() -> Response:
    """The service worker; at the root, so that it serves every page."""
    return FileResponse(STATIC / "sw.js", media_type="text/javascript", headers={"cache-control": "no-cache"})


@router.get("/offline")
async def offline() -> Response:
    """Shown by the worker when there is no network."""
    return render("offline.html", {})
