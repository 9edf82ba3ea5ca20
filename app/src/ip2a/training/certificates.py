"""Certificates of students: noted, renewed, revoked; what one is worth depends on the day."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, select
from sqlalchemy.exc import IntegrityError

from ip2a.records.search import names_of
from ip2a.referrals.rules import local
from ip2a.runtime import Runtime
from ip2a.training import repository, rules
from ip2a.training.models import Certification, CertificationType
from ip2a.training.rules import CertificateState
from ip2a.training.schemas import CertificationItem, CertificationOrder, RenewalOrder
from ip2a.training.service import no_such
from ip2a.web.dependencies import Caller
from ip2a.web.keyset import Page, encode, page_of, read_before
from ip2a.web.lists import read_list
from ip2a.web.problems import Problem

DAYS = ("issued_on", "expires_on", "revoked_on")


async def certify(runtime: Runtime, caller: Caller, student_id: int, order: CertificationOrder) -> CertificationItem:
    """Note a certificate.

    Raises Problem 404, 422 (expires before it was issued; of the type other and without a name).
    """
    if order.certification_type is CertificationType.OTHER and order.custom_name is None:
        raise Problem(422, "name-missing", "`custom_name` is needed for a certificate of the type other.")
    _check_days(order)
    try:
        async with caller.transaction(runtime.databases) as connection:
            values = order.model_dump() | {"student_id": student_id}
            identifier = await repository.new_certification(connection, values)
            row = await repository.find_certification(connection, identifier)
    except IntegrityError:
        raise no_such("student") from None
    return _certification(runtime, row)


async def renew(runtime: Runtime, caller: Caller, certification_id: int, order: RenewalOrder) -> CertificationItem:
    """Note the certificate that follows this one.

    Raises Problem 404, 409 (renewed or revoked), 422.
    """
    _check_days(order)
    async with caller.transaction(runtime.databases) as connection:
        old = _certification(runtime, await repository.find_certification(connection, certification_id))
        if old.state is CertificateState.REVOKED:
            raise Problem(409, "revoked", "The certificate is revoked; note a new one instead.")
        kept = old.model_dump(include={"student_id", "certification_type", "custom_name", "issuing_organization"})
        identifier = await repository.new_certification(connection, order.model_dump() | kept)
        if not await repository.renewed(connection, certification_id, identifier):
            raise Problem(409, "already-renewed", "The certificate is renewed already.")
        row = await repository.find_certification(connection, identifier)
    return _certification(runtime, row)


async def revoke(runtime: Runtime, caller: Caller, certification_id: int) -> CertificationItem:
    """A certificate that does not count any more, from today on.

    Raises Problem 404, 409 (revoked already).
    """
    async with caller.transaction(runtime.databases) as connection:
        old = _certification(runtime, await repository.find_certification(connection, certification_id))
        if not await repository.revoke(connection, certification_id, max(old.issued_on, _today(runtime))):
            raise Problem(409, "revoked", "The certificate is revoked already.")
        row = await repository.find_certification(connection, certification_id)
    return _certification(runtime, row)


async def verify(runtime: Runtime, caller: Caller, certification_id: int) -> CertificationItem:
    """The caller has compared a certificate with the paper, or asked who issued it.

    Raises Problem 404, 409 (verified or revoked already).
    """
    name = f"{caller.principal.first_name} {caller.principal.last_name}"
    async with caller.transaction(runtime.databases) as connection:
        verified = await repository.verify(connection, certification_id, name, runtime.now())
        row = await repository.find_certification(connection, certification_id)
    if row is not None and not verified:
        raise Problem(409, "verified", "The certificate is verified already, or revoked.")
    return _certification(runtime, row)


async def certifications(
    runtime: Runtime,
    caller: Caller,
    *,
    search: str,
    state: CertificateState | None,
    student_id: int | None = None,
    before: str | None,
    limit: int,
) -> Page[CertificationItem]:
    """Certificates, newest first; each word of `search` begins a name or the number of the student."""
    names = names_of(search)
    conditions = [
        *([repository.of_students(names)] if names else []),
        *([repository.in_state(state, _today(runtime))] if state is not None else []),
        *([Certification.student_id == student_id] if student_id is not None else []),
    ]
    return await _certifications(runtime, caller, conditions, before=before, limit=limit)


async def certification(runtime: Runtime, caller: Caller, certification_id: int) -> CertificationItem:
    """One certificate; Problem 404."""
    async with caller.transaction(runtime.databases) as connection:
        row = await repository.find_certification(connection, certification_id)
    return _certification(runtime, row)


async def renewals(runtime: Runtime, caller: Caller, certification_id: int) -> list[CertificationItem]:
    """The certificate that follows this one, if there is one."""
    followed = select(Certification.renewed_by_id).where(Certification.id == certification_id).scalar_subquery()
    return (await _certifications(runtime, caller, [Certification.id == followed], before=None, limit=1)).items


async def own_certifications(
    runtime: Runtime, caller: Caller, *, before: str | None, limit: int
) -> Page[CertificationItem]:
    """The caller's own certificates, newest first."""
    user, member = caller.identity.user_id, caller.identity.member_id
    whose = (b"%d" % user if user else None, b"%d" % member if member else None)
    rows = await read_list(
        runtime, caller, repository.OWN_CERTIFICATIONS, (*whose, b"%d" % read_before(before), b"%d" % (limit + 1))
    )
    shown = [_with_state({**row, **{name: _day(row[name]) for name in DAYS}}, _today(runtime)) for row in rows]
    return page_of(CertificationItem, shown, limit, lambda item: encode("", item.id))


def _day(text: object) -> date | None:
    return None if text is None else date.fromisoformat(str(text))


async def _certifications(
    runtime: Runtime, caller: Caller, conditions: Sequence[ColumnElement[bool]], *, before: str | None, limit: int
) -> Page[CertificationItem]:
    async with caller.transaction(runtime.databases) as connection:
        rows = await repository.certifications(connection, conditions, before=read_before(before), limit=limit + 1)
    shown = [_with_state(row, _today(runtime)) for row in rows]
    return page_of(CertificationItem, shown, limit, lambda item: encode("", item.id))


def _certification(runtime: Runtime, row: RowMapping | None) -> CertificationItem:
    if row is None:
        raise no_such("certification")
    return CertificationItem.model_validate(_with_state(row, _today(runtime)))


def _with_state(row: RowMapping | Mapping[str, Any], today: date) -> dict[str, object]:
    renewed = row["renewed_by_id"] is not None
    return {**row, "state": rules.state_of(row["expires_on"], row["revoked_on"], renewed=renewed, today=today)}


def _today(runtime: Runtime) -> date:
    return local(runtime.now()).date()


def _check_days(order: RenewalOrder) -> None:
    if order.expires_on is not None and order.expires_on < order.issued_on:
        raise Problem(422, "expires-before-issue", "`expires_on` must not be before `issued_on`.")
