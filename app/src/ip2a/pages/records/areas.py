"""What a kind of record says of itself so that its pages can be made."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from ip2a.pages.records.inputs import Field, Input
from ip2a.records import service as records
from ip2a.records.service import Kind
from ip2a.removals.kinds import RemovedKind
from ip2a.removals.service import deleting
from ip2a.runtime import Runtime
from ip2a.web.dependencies import Caller
from ip2a.web.keyset import Page

Item = TypeVar("Item", bound=BaseModel)
Listed = TypeVar("Listed", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Tab:
    """A list beside which others stand, for those with the permission."""

    label: str
    path: str
    needs: str


RECORDS = (
    Tab("Organizations", "/office/organizations", "organizations:read"),
    Tab("Grievances", "/office/grievances", "grievances:read"),
    Tab("Benevolence", "/office/benevolence", "benevolence:read"),
    Tab("Organizing", "/office/organizing", "organizing:read"),
    Tab("Grants", "/office/grants", "grants:read"),
)
SCHOOL = (
    Tab("Classes", "/school/classes", "students:update"),
    Tab("Students", "/school/students", "students:read"),
    Tab("Applications", "/school/applications", "students:read"),
    Tab("Certificates", "/school/certificates", "students:read"),
    Tab("Courses", "/school/courses", "students:read"),
    Tab("Cohorts", "/school/cohorts", "cohorts:read"),
    Tab("Places", "/school/places", "cohorts:read"),
    Tab("Tools", "/school/tools", "students:read"),
    Tab("Instructors", "/school/instructors", "instructors:read"),
    Tab("My hours", "/school/hours", "hours:create"),
)
REFERRAL = (
    Tab("Morning", "/office/dispatch", "referrals:dispatch"),
    Tab("Requests", "/office/requests", "referrals:read"),
    Tab("Jobs", "/office/jobs", "referrals:read"),
    Tab("Books", "/office/books", "referrals:read"),
)
BILLING = (
    Tab("Months", "/office/dues", "dues:process"),
    Tab("Adjustments", "/office/adjustments", "dues:process"),
    Tab("Refunds", "/office/refunds", "dues:process"),
    Tab("Not applied", "/office/unapplied", "dues:process"),
)


@dataclass(frozen=True, slots=True)
class Column(Generic[Item]):
    """Something shown of a record: a date, a state, an amount or a text. `link` leads to where it comes from."""

    label: str
    of: Callable[[Item], object]
    link: Callable[[Item], str] | None = None
    badge: bool = False
    number: bool = False
    long: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of a list is wanted: what was searched for, the value it is narrowed to, the cursor."""

    search: str
    chosen: str | None
    before: str | None
    limit: int

    def narrowed(self, values: type[StrEnum]) -> Any:  # noqa: ANN401 (one of `values`, which mypy cannot say)
        """The value that was chosen, or None."""
        return None if self.chosen is None else values(self.chosen)


def stored(kind: Kind[Item]) -> Callable[[Runtime, Caller, int], Awaitable[Item]]:
    """The record as it is stored, to compare what was typed with."""

    async def load(runtime: Runtime, caller: Caller, identifier: int) -> Item:
        return await records.read(runtime, caller, kind, identifier)

    return load


@dataclass(frozen=True, slots=True)
class Narrow:
    """A list can be narrowed to one value of this."""

    label: str
    values: type[StrEnum]


@dataclass(frozen=True, slots=True)
class Form:
    """What is asked for a new record, or to change one; `schema` is the API's."""

    schema: type[BaseModel]
    needs: str


@dataclass(frozen=True, slots=True)
class Act(Generic[Item]):
    """Something done to a record by pressing a button."""

    name: str
    label: str
    needs: str
    do: Callable[[Runtime, Caller, int], Awaitable[object]]
    when: Callable[[Item], bool] = lambda _item: True
    may: Callable[[Caller, Item], bool] = lambda _caller, _item: True
    away: str = ""  # where one goes when the record is gone


def _nothing(_item: BaseModel) -> Mapping[str, str]:
    return {}


def _as_they_are(fields: tuple[Field, ...], _item: BaseModel) -> tuple[Field, ...]:
    return fields


@dataclass(frozen=True, slots=True)
class Step(Generic[Item]):
    """Something done to a record that asks for more than a press: a form of its own on the record's page.

    `do` gets what was filled in and the key of the form, `typed` is what stands in it at first, `fitted` leaves of its
    fields what this record can take.
    """

    name: str
    label: str
    form: Form
    inputs: tuple[Input, ...]
    do: Callable[[Runtime, Caller, int, Any, str], Awaitable[object]]
    said: str
    lead: str = ""
    when: Callable[[Item], bool] = lambda _item: True
    typed: Callable[[Item], Mapping[str, str]] = _nothing
    fitted: Callable[[tuple[Field, ...], Item], tuple[Field, ...]] = _as_they_are
    opened: bool = False  # seen at once though there are others


def deletion(kind: RemovedKind, needs: str, away: str) -> Act[Any]:
    """The button that deletes a record; one goes on to the list."""
    return Act("deletion", "Delete", needs, deleting(kind), away=f"{away}?said=deleted")


@dataclass(frozen=True, slots=True)
class Part(Generic[Item]):
    """Records that belong to another one, shown on its page; `add` makes a new one from `form`."""

    name: str
    title: str
    empty: str
    columns: tuple[Column[Item], ...]
    page: Callable[[Runtime, Caller, int, str | None, int], Awaitable[Page[Item]]]
    needs: str = ""
    form: Form | None = None
    inputs: tuple[Input, ...] = ()
    add: Callable[[Runtime, Caller, int, Any], Awaitable[object]] | None = None
    add_label: str = "Add"
    more: str = "Earlier ones"
    edits: str = ""  # path of the area whose form changes a row
    edits_need: str = ""


@dataclass(frozen=True, slots=True)
class Area(Generic[Item, Listed]):
    """A kind of record, and how it is listed: who sees what of it, what is asked, and the use cases behind.

    A list needs `page`, a page of its own `facts`, a form `new` or `edit`.
    """

    path: str
    noun: str
    title: str
    reads: str
    one: Callable[[Runtime, Caller, int], Awaitable[Item]]
    named: Callable[[Item], str]
    tabs: tuple[Tab, ...] = RECORDS
    active: str = "records"
    lead: str = ""
    table: str = ""  # whose changes the audit trail has
    columns: tuple[Column[Listed], ...] = ()
    facts: tuple[Column[Item], ...] = ()
    inputs: tuple[Input, ...] = ()
    search_label: str = ""
    narrow: Narrow | None = None
    page: Callable[[Runtime, Caller, Wanted], Awaitable[Page[Listed]]] | None = None
    new: Form | None = None
    add: Callable[[Runtime, Caller, Any], Awaitable[Item]] | None = None
    edit: Form | None = None
    save: Callable[[Runtime, Caller, int, Any], Awaitable[Item]] | None = None
    stored: Callable[[Runtime, Caller, int], Awaitable[Item]] | None = None  # `one` for a write: nobody reads it
    may_edit: Callable[[Caller, Item], bool] = lambda _caller, _item: True
    parts: tuple[Part[Any], ...] = ()
    acts: tuple[Act[Item], ...] = ()
    steps: tuple[Step[Item], ...] = ()
    home: Callable[[Item], str] | None = None  # where one goes after saving; otherwise to the record
    above: str = ""  # the list one came from, where the area has none
    required_by: type[BaseModel] | None = field(default=None)  # which may not stay empty, where there is no `new`
