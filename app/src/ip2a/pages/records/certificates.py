"""Certificates of all students: who holds what, what expires soon, renewing and revoking."""

from ip2a.audit.service import record_read
from ip2a.pages.records.areas import SCHOOL, Act, Area, Column, Form, Narrow, Part, Wanted
from ip2a.pages.records.inputs import Input
from ip2a.pages.records.school import CERTIFICATES_PATH, READ, STUDENTS_PATH, UPDATE, certificate_name
from ip2a.referrals.rules import LOCAL_TIME
from ip2a.runtime import Runtime
from ip2a.training import certificates
from ip2a.training.rules import CertificateState
from ip2a.training.schemas import CertificationItem, RenewalOrder
from ip2a.web.dependencies import Caller
from ip2a.web.keyset import Page

OVER = frozenset({CertificateState.REVOKED, CertificateState.RENEWED})


async def _page(runtime: Runtime, caller: Caller, wanted: Wanted) -> Page[CertificationItem]:
    await record_read(runtime, caller, "certifications")
    return await certificates.certifications(
        runtime,
        caller,
        search=wanted.search,
        state=wanted.narrowed(CertificateState),
        before=wanted.before,
        limit=wanted.limit,
    )


async def _one(runtime: Runtime, caller: Caller, certification_id: int) -> CertificationItem:
    await record_read(runtime, caller, "certifications", certification_id)
    return await certificates.certification(runtime, caller, certification_id)


async def _renewals(
    runtime: Runtime, caller: Caller, certification_id: int, _before: str | None, _limit: int
) -> Page[CertificationItem]:
    return Page(items=await certificates.renewals(runtime, caller, certification_id), next=None)


AREA: Area[CertificationItem, CertificationItem] = Area(
    path=CERTIFICATES_PATH,
    noun="certificate",
    title="Certificates",
    tabs=SCHOOL,
    active="classes",
    lead="Expiring are those that end within 30 days. New ones are noted on the student’s page.",
    reads=READ,
    table="certifications",
    one=_one,
    named=lambda item: f"Certificate of {item.first_name} {item.last_name}",
    search_label="Name or number of the student",
    narrow=Narrow("State", CertificateState),
    page=_page,
    columns=(
        Column(
            "Student",
            lambda item: f"{item.last_name}, {item.first_name}",
            link=lambda item: f"{CERTIFICATES_PATH}/{item.id}",
        ),
        Column("Certificate", certificate_name),
        Column("Number", lambda item: item.certificate_number),
        Column("Issued", lambda item: item.issued_on),
        Column("Expires", lambda item: item.expires_on),
        Column("State", lambda item: item.state, badge=True),
        Column("Verified", lambda item: item.verified_at is not None),
    ),
    facts=(
        Column("State", lambda item: item.state, badge=True),
        Column("Certificate", certificate_name),
        Column(
            "Student",
            lambda item: f"{item.first_name} {item.last_name}",
            link=lambda item: f"{STUDENTS_PATH}/{item.student_id}",
        ),
        Column("Number", lambda item: item.certificate_number),
        Column("Issued by", lambda item: item.issuing_organization),
        Column("Issued", lambda item: item.issued_on),
        Column("Expires", lambda item: item.expires_on),
        Column("Revoked", lambda item: item.revoked_on),
        Column("Verified", lambda item: item.verified_at and item.verified_at.astimezone(LOCAL_TIME).date()),
        Column("Verified by", lambda item: item.verified_by),
    ),
    acts=(
        Act(
            "verification",
            "It is verified",
            "students:approve",
            certificates.verify,
            when=lambda item: item.verified_at is None and item.revoked_on is None,
        ),
        Act("revocation", "Revoke", UPDATE, certificates.revoke, when=lambda item: item.state not in OVER),
    ),
    parts=(
        Part(
            name="renewals",
            title="Renewed by",
            empty="It is not renewed.",
            columns=(
                Column("Issued", lambda item: item.issued_on, link=lambda item: f"{CERTIFICATES_PATH}/{item.id}"),
                Column("Expires", lambda item: item.expires_on),
                Column("Number", lambda item: item.certificate_number),
            ),
            page=_renewals,
            form=Form(RenewalOrder, UPDATE),
            inputs=(
                Input("certificate_number", "Number"),
                Input("issued_on", "Issued on"),
                Input("expires_on", "Expires on"),
            ),
            add=certificates.renew,
            add_label="Renew it",
        ),
    ),
)
