"""Puts the platform together: domain routers, pages, middlewares, error handling."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from fastapi import FastAPI, Request
from starlette.responses import JSONResponse
from starlette.staticfiles import StaticFiles
from starlette.types import Message, Receive, Scope, Send

from ip2a import __version__
from ip2a.accounts.endpoints import router as accounts_router
from ip2a.api_keys.endpoints import router as api_keys_router
from ip2a.applications.endpoints import router as applications_router
from ip2a.audit.endpoints import router as audit_router
from ip2a.auth.endpoints import router as auth_router
from ip2a.benevolence.endpoints import router as benevolence_router
from ip2a.bids.endpoints import router as bids_router
from ip2a.billing.endpoints import router as billing_router
from ip2a.checkout.endpoints import router as checkout_router
from ip2a.dispatches.endpoints import router as dispatches_router
from ip2a.documents.endpoints import router as documents_router
from ip2a.dues import service as dues_service
from ip2a.dues.endpoints import router as dues_router
from ip2a.edge.application import Edge
from ip2a.employments import service as employments_service
from ip2a.employments.endpoints import router as employments_router
from ip2a.grants.endpoints import router as grants_router
from ip2a.grievances.endpoints import router as grievances_router
from ip2a.labor_requests.endpoints import router as labor_requests_router
from ip2a.members import service as member_service
from ip2a.members.endpoints import router as members_router
from ip2a.notes.endpoints import router as notes_router
from ip2a.organizations.endpoints import router as organizations_router
from ip2a.organizations.service import ORGANIZATIONS
from ip2a.organizing.endpoints import router as organizing_router
from ip2a.pages import account as account_pages
from ip2a.pages import api_keys as api_keys_pages
from ip2a.pages import audit as audit_pages
from ip2a.pages import auth as auth_pages
from ip2a.pages import benevolence as benevolence_pages
from ip2a.pages import deleted as deleted_pages
from ip2a.pages import documents as documents_pages
from ip2a.pages import member as member_pages
from ip2a.pages import members as members_pages
from ip2a.pages import office as office_pages
from ip2a.pages import own_records as own_record_pages
from ip2a.pages import platform as platform_pages
from ip2a.pages import recovery as recovery_pages
from ip2a.pages import referral as referral_pages
from ip2a.pages import reports as report_pages
from ip2a.pages import shell as shell_pages
from ip2a.pages import users as users_pages
from ip2a.pages.records import (
    applications,
    benevolence,
    billing,
    books,
    certificates,
    dispatching,
    grants,
    grievances,
    of_members,
    organizations,
    organizing,
    school,
    teaching,
)
from ip2a.pages.records.areas import Area
from ip2a.pages.records.routes import RecordPages
from ip2a.pages.rendering import STATIC
from ip2a.payments.endpoints import router as payments_router
from ip2a.readiness import Readiness
from ip2a.referrals.endpoints import router as referrals_router
from ip2a.refunds.endpoints import router as refunds_router
from ip2a.rehearsal import rehearse
from ip2a.removals.endpoints import records_router as removals_router
from ip2a.removals.endpoints import router as deleted_router
from ip2a.reports.endpoints import router as reports_router
from ip2a.runtime import Runtime
from ip2a.teaching.endpoints import router as teaching_router
from ip2a.training.endpoints import router as training_router
from ip2a.users.endpoints import router as users_router
from ip2a.web import errors, openapi
from ip2a.web.problems import ProblemBody

RECORDS: tuple[Area[Any, Any], ...] = (
    organizations.AREA,
    organizations.CONTACTS,
    grievances.AREA,
    benevolence.AREA,
    organizing.AREA,
    grants.AREA,
    grants.ENROLLMENTS,
    school.CLASSES,
    school.STUDENTS,
    school.ENROLLMENTS,
    certificates.AREA,
    school.COURSES,
    teaching.COHORTS,
    teaching.PLACES,
    teaching.INSTRUCTORS,
    teaching.HOURS,
    teaching.OWN_HOURS,
    teaching.TOOLS,
    teaching.ASSIGNMENTS,
    applications.AREA,
    dispatching.REQUESTS,
    dispatching.JOBS,
    books.BOOKS,
    books.PLACES,
    billing.MONTHS,
    billing.MEMBER_DUES,
    billing.PAYMENTS,
    billing.REFUNDS,
    of_members.MEMBERS,
    of_members.EMPLOYMENTS,
    of_members.NOTES,
)
# Members' own reads come most often and are matched first.
ROUTERS = (
    members_router,
    dues_router,
    payments_router,
    checkout_router,
    refunds_router,
    employments_router,
    auth_router,
    referrals_router,
    labor_requests_router,
    bids_router,
    dispatches_router,
    training_router,
    teaching_router,
    accounts_router,
    users_router,
    api_keys_router,
    organizations_router,
    billing_router,
    applications_router,
    benevolence_router,
    grants_router,
    grievances_router,
    notes_router,
    organizing_router,
    audit_router,
    documents_router,
    reports_router,
    removals_router,
    deleted_router,
    member_pages.router,
    own_record_pages.router,
    benevolence_pages.router,
    shell_pages.router,
    referral_pages.router,
    *(RecordPages(area).router() for area in RECORDS),
    members_pages.router,  # a member's page is behind the form for a new one
    office_pages.router,
    report_pages.router,
    auth_pages.router,
    account_pages.router,
    recovery_pages.router,
    documents_pages.router,
    audit_pages.router,
    users_pages.router,
    api_keys_pages.router,
    platform_pages.router,
    deleted_pages.router,
)
ONE_YEAR = "public, max-age=31536000, immutable"


class CachedStaticFiles(StaticFiles):
    """Static files under addresses that carry a digest: browsers keep them."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_cached(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 200:
                message["headers"] = [*message["headers"], (b"cache-control", ONE_YEAR.encode())]
            await send(message)

        await super().__call__(scope, receive, send_cached)


# Answered by the edge when the cache has them.
READS = (member_service.PROFILE, dues_service.DUES, employments_service.EMPLOYMENTS, dues_service.RATES, ORGANIZATIONS)


def create_application(runtime: Runtime, readiness: Readiness) -> Edge:
    """The platform as one ASGI application."""
    return Edge(create_api(runtime, readiness), runtime, READS)


def create_api(runtime: Runtime, readiness: Readiness) -> FastAPI:
    """What stands behind the edge."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await runtime.start()
        await readiness.start(runtime, partial(rehearse, app))
        yield
        await runtime.close()

    app = FastAPI(
        title="IP2A",
        version=__version__,
        lifespan=lifespan,
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=openapi.operation_id,
        responses={"default": {"model": ProblemBody, "description": "Problem"}},
        # FastAPI's own would tell exceptions' messages; what is told of requests is `observability.spans`.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    app.state.runtime = runtime
    for router in ROUTERS:
        app.include_router(router)
    app.mount("/static", CachedStaticFiles(directory=STATIC), name="static")
    _add_probes(app, readiness)
    errors.install(app)
    openapi.install(app)
    return app


def _add_probes(app: FastAPI, readiness: Readiness) -> None:
    @app.get("/livez", include_in_schema=False)
    async def livez() -> JSONResponse:
        return JSONResponse({"status": "alive"})

    @app.get("/readyz", include_in_schema=False)
    async def readyz(_request: Request) -> JSONResponse:
        return JSONResponse({"status": readiness.state}, 200 if readiness.ready else 503)
