"""References as people type them: a name or number leads to a record, or to several to choose from.

A choice of a list is `#` and the id, so that it needs no second search by name.
"""

from collections.abc import Awaitable, Callable, Mapping

from pydantic import BaseModel

from ip2a.members import service as members
from ip2a.organizations import service as organizations
from ip2a.pages.records.inputs import Choice, Field, Refers, normal, typed_of
from ip2a.records import service as records
from ip2a.referrals import service as referrals
from ip2a.runtime import Runtime
from ip2a.teaching import service as teaching
from ip2a.training import service as training
from ip2a.web.dependencies import Caller
from ip2a.web.keyset import MAXIMUM_IDENTIFIER, MAXIMUM_LIMIT
from ip2a.web.problems import Problem

SEVERAL = 20
NOBODY = {
    Refers.MEMBER: "No member’s name or number begins like that.",
    Refers.ORGANIZATION: "No organization’s name has words that begin like that.",
    Refers.STUDENT: "No student’s name or number begins like that.",
    Refers.COURSE: "There is no course with this code.",
    Refers.INSTRUCTOR: "No instructor’s name begins like that.",
    Refers.COHORT: "There is no cohort with this code.",
    Refers.LOCATION: "There is no place with this code.",
    Refers.BOOK: "There is no book with this code.",
}


async def resolve(
    runtime: Runtime, caller: Caller, fields: tuple[Field, ...], typed: Mapping[str, str], current: BaseModel | None
) -> tuple[dict[str, object], dict[str, str], dict[str, list[Choice]]]:
    """(ids, what is wrong, choices to offer) of the references among the fields; what `current` says is known."""
    ids: dict[str, object] = {}
    wrong: dict[str, str] = {}
    choices: dict[str, list[Choice]] = {}
    references = [field for field in fields if field.refers is not None]
    stored = {} if current is None else typed_of(references, current)
    for field in references:
        text = normal(typed.get(field.name, ""))
        if not text or field.refers is None:
            continue
        if current is not None and text == normal(stored[field.name]):
            ids[field.name] = getattr(current, field.name)
            continue
        if (identifier := chosen(text)) is not None:
            ids[field.name] = identifier
            continue
        found = await _search(runtime, caller, field.refers, text)
        if len(found) == 1:
            ids[field.name] = chosen(found[0].value)
        else:
            wrong[field.name] = "Several begin like that: choose one." if found else NOBODY[field.refers]
        if len(found) > 1:
            choices[field.name] = found
    return ids, wrong, choices


async def labelled(
    runtime: Runtime, caller: Caller, fields: tuple[Field, ...], typed: Mapping[str, str]
) -> dict[str, list[Choice]]:
    """The choices that were made, in words, for a form that is shown again; of few things all that there are."""
    choices: dict[str, list[Choice]] = {}
    for field in fields:
        if field.refers is Refers.BOOK:
            choices[field.name] = [choice for _, choice in await _books(runtime, caller, "")]
            continue
        identifier = chosen(typed.get(field.name, ""))
        if field.refers is None or identifier is None:
            continue
        try:
            choices[field.name] = [Choice(f"#{identifier}", await _LABELS[field.refers](runtime, caller, identifier))]
        except Problem as problem:
            if problem.status != 404:
                raise
    return choices


def chosen(text: str) -> int | None:
    """The id of a choice, or None for what was typed."""
    digits = text.removeprefix("#")
    if digits == text or not (digits.isascii() and digits.isdigit()) or len(digits) > len(str(MAXIMUM_IDENTIFIER)):
        return None
    return min(int(digits), MAXIMUM_IDENTIFIER)


async def _search(runtime: Runtime, caller: Caller, refers: Refers, text: str) -> list[Choice]:
    found = await _SEARCHES[refers](runtime, caller, text)
    exact = [choice for key, choice in found if key.casefold() == text.casefold()]
    return exact if len(exact) == 1 else [choice for _, choice in found]


Found = list[tuple[str, Choice]]
"""What a search finds: the whole name or number that would mean it, and the choice."""


async def _members(runtime: Runtime, caller: Caller, text: str) -> Found:
    page = await members.members(
        runtime, caller, search=text, status=None, classification=None, after=None, limit=SEVERAL
    )
    return [
        (item.member_number, Choice(f"#{item.id}", f"{item.last_name}, {item.first_name} ({item.member_number})"))
        for item in page.items
    ]


async def _organizations(runtime: Runtime, caller: Caller, text: str) -> Found:
    page = await organizations.found(runtime, caller, search=text, org_type=None, after=None, limit=SEVERAL)
    return [
        (item.name, Choice(f"#{item.id}", item.name if item.city is None else f"{item.name}, {item.city}"))
        for item in page.items
    ]


async def _students(runtime: Runtime, caller: Caller, text: str) -> Found:
    page = await training.students(runtime, caller, None, search=text, before=None, limit=SEVERAL)
    return [
        (item.student_number, Choice(f"#{item.id}", f"{item.last_name}, {item.first_name} ({item.student_number})"))
        for item in page.items
    ]


async def _courses(runtime: Runtime, caller: Caller, text: str) -> Found:
    page = await training.courses(runtime, caller, after=None, limit=MAXIMUM_LIMIT)
    return [
        (item.code, Choice(f"#{item.id}", f"{item.code} {item.name}")) for item in page.items if _same(item.code, text)
    ]


async def _instructors(runtime: Runtime, caller: Caller, text: str) -> Found:
    page = await teaching.called(runtime, caller, [*teaching.named(text)], after=None, limit=SEVERAL)
    return [
        (f"{item.first_name} {item.last_name}", Choice(f"#{item.id}", f"{item.last_name}, {item.first_name}"))
        for item in page.items
    ]


async def _cohorts(runtime: Runtime, caller: Caller, text: str) -> Found:
    page = await teaching.cohorts_by_code(runtime, caller, after=None, limit=MAXIMUM_LIMIT)
    return [(item.code, Choice(f"#{item.id}", item.code)) for item in page.items if _same(item.code, text)]


async def _locations(runtime: Runtime, caller: Caller, text: str) -> Found:
    page = await teaching.locations(runtime, caller, after=None, limit=MAXIMUM_LIMIT)
    return [(item.code, Choice(f"#{item.id}", item.name)) for item in page.items if _same(item.code, text)]


async def _books(runtime: Runtime, caller: Caller, text: str) -> Found:
    """The books that are open, or the one with this code."""
    open_books = [book for book in await referrals.books(runtime, caller) if book.is_active]
    return [
        (book.code, Choice(f"#{book.id}", f"{book.name} ({book.code})"))
        for book in open_books
        if not text or _same(book.code, text)
    ]


def _same(code: str, text: str) -> bool:
    return code.casefold() == text.casefold()


async def _member(runtime: Runtime, caller: Caller, identifier: int) -> str:
    item = await records.one(runtime, caller, members.MEMBERS, identifier)
    return f"{item.last_name}, {item.first_name} ({item.member_number})"


async def _organization(runtime: Runtime, caller: Caller, identifier: int) -> str:
    return (await organizations.organization(runtime, caller, identifier)).name


async def _student(runtime: Runtime, caller: Caller, identifier: int) -> str:
    item = await training.student(runtime, caller, identifier)
    return f"{item.last_name}, {item.first_name} ({item.student_number})"


async def _course(runtime: Runtime, caller: Caller, identifier: int) -> str:
    item = await training.course(runtime, caller, identifier)
    return f"{item.code} {item.name}"


async def _instructor(runtime: Runtime, caller: Caller, identifier: int) -> str:
    item = await records.read(runtime, caller, teaching.INSTRUCTORS, identifier)
    return f"{item.last_name}, {item.first_name}"


async def _cohort(runtime: Runtime, caller: Caller, identifier: int) -> str:
    return (await teaching.cohort(runtime, caller, identifier)).code


async def _location(runtime: Runtime, caller: Caller, identifier: int) -> str:
    return (await teaching.location(runtime, caller, identifier)).name


async def _book(runtime: Runtime, caller: Caller, identifier: int) -> str:
    return next((book.name for book in await referrals.books(runtime, caller) if book.id == identifier), "")


_SEARCHES: dict[Refers, Callable[[Runtime, Caller, str], Awaitable[Found]]] = {
    Refers.MEMBER: _members,
    Refers.ORGANIZATION: _organizations,
    Refers.STUDENT: _students,
    Refers.COURSE: _courses,
    Refers.INSTRUCTOR: _instructors,
    Refers.COHORT: _cohorts,
    Refers.LOCATION: _locations,
    Refers.BOOK: _books,
}
_LABELS: dict[Refers, Callable[[Runtime, Caller, int], Awaitable[str]]] = {
    Refers.MEMBER: _member,
    Refers.ORGANIZATION: _organization,
    Refers.STUDENT: _student,
    Refers.COURSE: _course,
    Refers.INSTRUCTOR: _instructor,
    Refers.COHORT: _cohort,
    Refers.LOCATION: _location,
    Refers.BOOK: _book,
}
