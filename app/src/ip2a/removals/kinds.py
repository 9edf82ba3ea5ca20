"""What can be deleted: by whom, what stands in the way, what the cache forgets, how administrators are told of it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from ip2a.benevolence.service import APPLICATIONS
from ip2a.database.base import Removable
from ip2a.grants.service import GRANTS
from ip2a.grievances.service import GRIEVANCES
from ip2a.labor_requests import repository as labor_requests
from ip2a.members import repository as members
from ip2a.members.service import MEMBERS, PROFILE
from ip2a.notes.service import NOTES, may_change
from ip2a.organizations.service import CONTACTS, DETAILS
from ip2a.organizing.service import ACTIVITIES
from ip2a.reads import user_subject
from ip2a.records import repository
from ip2a.records.service import Kind
from ip2a.referrals.rules import local
from ip2a.teaching.service import COHORTS, INSTRUCTORS, LOCATIONS
from ip2a.training.service import STUDENTS
from ip2a.web.dependencies import Caller
from ip2a.web.problems import Problem


class RemovedKind(StrEnum):
    """A kind of record that can be deleted."""

    MEMBERS = "members"
    ORGANIZATIONS = "organizations"
    CONTACTS = "contacts"
    STUDENTS = "students"
    GRIEVANCES = "grievances"
    BENEVOLENCE = "benevolence"
    ACTIVITIES = "activities"
    GRANTS = "grants"
    NOTES = "notes"
    COHORTS = "cohorts"
    LOCATIONS = "locations"
    INSTRUCTORS = "instructors"


async def _nothing(_connection: AsyncConnection, _caller: Caller, _identifier: int) -> None:
    return None


async def _no_subjects(_connection: AsyncConnection, _identifier: int) -> list[bytes]:
    return []


async def _idle_member(connection: AsyncConnection, _caller: Caller, member_id: int) -> None:
    if await members.busy(connection, member_id):
        raise Problem(
            409, "member-busy", "The member waits on a book or works on a dispatch: take them off or end it first."
        )


async def _subjects_of_member(connection: AsyncConnection, member_id: int) -> list[bytes]:
    """The profile, and the account that ends or comes back with the member."""
    account = await members.account(connection, member_id)
    return [PROFILE.subject_of(member_id), *([] if account is None else [user_subject(account)])]


async def _idle_organization(connection: AsyncConnection, _caller: Caller, organization_id: int) -> None:
    if await labor_requests.are_open(connection, organization_id):
        raise Problem(409, "organization-busy", "The employer has open requests for workers: cancel these first.")


async def _subjects_of_organization(_connection: AsyncConnection, _identifier: int) -> list[bytes]:
    return [DETAILS.subject or b""]


async def _own_note(connection: AsyncConnection, caller: Caller, note_id: int) -> None:
    row = await repository.find(connection, NOTES.shown, NOTES.model, note_id)
    if row is not None and not may_change(caller, NOTES.item.model_validate(dict(row))):
        raise Problem(403, "not-the-author", "Only its author may delete a note.")


@dataclass(frozen=True)
class Removal:
    """How a kind of record is deleted. `path` is where the API has a record, `parameter` what its id is called there.

    `named` makes a row into words; `refuse` raises a Problem for what must not be deleted yet.
    """

    kind: Kind[Any]
    path: str
    parameter: str
    permission: str
    tag: str
    named: Callable[[Mapping[str, Any]], str]
    refuse: Callable[[AsyncConnection, Caller, int], Awaitable[None]] = _nothing
    subjects: Callable[[AsyncConnection, int], Awaitable[list[bytes]]] = _no_subjects

    @property
    def model(self) -> type[Removable]:
        """The table."""
        model = self.kind.model
        assert issubclass(model, Removable)  # noqa: S101 (the table below names no other)
        return model


def _person(row: Mapping[str, Any]) -> str:
    return f"{row['last_name']}, {row['first_name']}"


REMOVALS: Mapping[RemovedKind, Removal] = {
    RemovedKind.MEMBERS: Removal(
        MEMBERS,
        "/members/{member_id}",
        "member_id",
        "members:delete",
        "members",
        lambda row: f"{_person(row)} ({row['member_number']})",
        _idle_member,
        _subjects_of_member,
    ),
    RemovedKind.ORGANIZATIONS: Removal(
        DETAILS,
        "/organizations/{organization_id}",
        "organization_id",
        "organizations:delete",
        "organizations",
        lambda row: str(row["name"]),
        _idle_organization,
        _subjects_of_organization,
    ),
    RemovedKind.CONTACTS: Removal(
        CONTACTS, "/contacts/{contact_id}", "contact_id", "organizations:update", "organizations", _person
    ),
    RemovedKind.STUDENTS: Removal(
        STUDENTS,
        "/training/students/{student_id}",
        "student_id",
        "students:delete",
        "training",
        lambda row: f"{_person(row)} ({row['student_number']})",
    ),
    RemovedKind.GRIEVANCES: Removal(
        GRIEVANCES,
        "/grievances/{grievance_id}",
        "grievance_id",
        "grievances:delete",
        "grievances",
        lambda row: str(row["grievance_number"]),
    ),
    RemovedKind.BENEVOLENCE: Removal(
        APPLICATIONS,
        "/benevolence/{benevolence_id}",
        "benevolence_id",
        "benevolence:delete",
        "benevolence",
        lambda row: f"{_person(row)}, {row['applied_on']}",
    ),
    RemovedKind.ACTIVITIES: Removal(
        ACTIVITIES,
        "/organizing/activities/{activity_id}",
        "activity_id",
        "organizing:delete",
        "organizing",
        lambda row: f"{row['activity_type']}, {row['happened_on']}",
    ),
    RemovedKind.GRANTS: Removal(
        GRANTS, "/grants/{grant_id}", "grant_id", "grants:delete", "grants", lambda row: str(row["name"])
    ),
    RemovedKind.NOTES: Removal(
        NOTES,
        "/notes/{note_id}",
        "note_id",
        "members:read",
        "notes",
        lambda row: f"{local(row['created_at']):%Y-%m-%d}",
        _own_note,
    ),
    RemovedKind.COHORTS: Removal(
        COHORTS,
        "/training/cohorts/{cohort_id}",
        "cohort_id",
        "cohorts:delete",
        "training",
        lambda row: f"{row['name']} ({row['code']})",
    ),
    RemovedKind.LOCATIONS: Removal(
        LOCATIONS,
        "/training/locations/{location_id}",
        "location_id",
        "cohorts:delete",
        "training",
        lambda row: f"{row['name']} ({row['code']})",
    ),
    RemovedKind.INSTRUCTORS: Removal(
        INSTRUCTORS,
        "/training/instructors/{instructor_id}",
        "instructor_id",
        "instructors:delete",
        "training",
        _person,
    ),
}
