"""The routes of an area: list, page, forms, and what is added to a record or done to it.

A form that is refused comes back with what was typed and what is wrong, by the field. One that changes a version that
is not the newest any more comes back with what is stored by now; sending it again changes that.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Generic
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ValidationError
from starlette.responses import RedirectResponse, Response

from ip2a.pages.forms import messages_of
from ip2a.pages.records import inputs, references
from ip2a.pages.records.areas import Act, Area, Form, Item, Listed, Part, Step, Wanted
from ip2a.pages.records.inputs import Choice, Field
from ip2a.pages.rendering import KEY_FIELD, render
from ip2a.pages.session import Visit, VisitDependency
from ip2a.runtime import Runtime
from ip2a.security.permissions import AUDIT_VIEWS
from ip2a.web.dependencies import Caller, RuntimeDependency
from ip2a.web.keyset import Cursor, Page, PathId, Search
from ip2a.web.problems import Problem

SHOWN = 50
OF_PART = 20
REFUSED = frozenset({409, 422})
SAID = {
    "deleted": "It is deleted. An administrator can restore it.",
    "added": "It is saved.",
    "saved": "The changes are saved.",
    "done": "It is done.",
}
STALE = "Somebody else changed this meanwhile. What is stored now stands below the fields; saving again replaces it."


@dataclass(slots=True)
class Filled:
    """A form as it is shown: what is typed, what is wrong, what may be chosen, what is stored meanwhile."""

    fields: tuple[Field, ...]
    typed: Mapping[str, str]
    wrong: dict[str, str] = field(default_factory=dict)
    choices: Mapping[str, list[Choice]] = field(default_factory=dict)
    stored: Mapping[str, str] = field(default_factory=dict)
    alert: str = ""
    status: int = 200

    def refused(self, problem: Problem) -> None:
        """Say what is wrong, at the field it is about; raise what no other input would mend."""
        if problem.status not in REFUSED:
            raise problem
        wrong, self.alert = inputs.placed(problem, self.fields)
        self.wrong.update(wrong)
        self.status = problem.status


class RecordPages(Generic[Item, Listed]):
    """The pages of one area."""

    def __init__(self, area: Area[Item, Listed]) -> None:
        self._area = area
        self._new = self._fields(area.new, area.new)
        self._edit = self._fields(area.edit, area.new or area.edit)
        self._parts = [(part, self._fields(part.form, part.form, part.inputs)) for part in area.parts]
        self._steps = [(step, self._fields(step.form, step.form, step.inputs)) for step in area.steps]
        self._said = SAID | {step.name: step.said for step in area.steps}

    def _fields(
        self, form: Form | None, required: Form | None, given: tuple[inputs.Input, ...] | None = None
    ) -> tuple[Field, ...]:
        if form is None or required is None:
            return ()
        needed = self._area.required_by or required.schema
        return inputs.fields_of(form.schema, self._area.inputs if given is None else given, needed)

    def router(self) -> APIRouter:
        """The routes of what the area has."""
        area, router = self._area, APIRouter(prefix=self._area.path, include_in_schema=False)
        if area.page is not None:
            router.add_api_route("", self.listed, methods=["GET"])
        if area.new is not None:
            router.add_api_route("/new", self.asked, methods=["GET"])
            router.add_api_route("", self.add, methods=["POST"])
        if area.facts:
            router.add_api_route("/{record_id}", self.shown, methods=["GET"])
        if area.edit is not None:
            router.add_api_route("/{record_id}/edit", self.editing, methods=["GET"])
            router.add_api_route("/{record_id}", self.save, methods=["POST"])
        for part, fields in self._parts:
            if part.add is not None:
                router.add_api_route(f"/{{record_id}}/{part.name}", self._adding(part, fields), methods=["POST"])
        for act in area.acts:
            router.add_api_route(f"/{{record_id}}/{act.name}", self._doing(act.name), methods=["POST"])
        for step, fields in self._steps:
            router.add_api_route(f"/{{record_id}}/{step.name}", self._stepping(step, fields), methods=["POST"])
        return router

    async def listed(
        self,
        runtime: RuntimeDependency,
        visit: VisitDependency,
        *,
        search: Search = "",
        only: Annotated[str, Query(max_length=40)] = "",
        before: Cursor = None,
        said: Annotated[str, Query(max_length=20)] = "",
    ) -> Response:
        """A search, and what was found."""
        area, caller = self._area, need(visit, self._area.reads)
        chosen = only if area.narrow is not None and only in {value.value for value in area.narrow.values} else None
        assert area.page is not None  # noqa: S101 (otherwise there is no such route)
        found = await area.page(runtime, caller, Wanted(search, chosen, before, SHOWN))
        more = urlencode({"search": search, "only": only, "before": found.next})
        may_add = area.new is not None and caller.may(area.new.needs)
        values = {"found": found, "search": search, "only": chosen, "more": more, "may_add": may_add}
        values["said"] = SAID.get(said, "")
        return self._page(runtime, visit, "records/list.html", values)

    async def shown(
        self,
        record_id: PathId,
        request: Request,
        runtime: RuntimeDependency,
        visit: VisitDependency,
        said: Annotated[str, Query(max_length=20)] = "",
    ) -> Response:
        """A record with what belongs to it."""
        return await self._record(request, runtime, visit, record_id, said=said)

    async def asked(self, request: Request, runtime: RuntimeDependency, visit: VisitDependency) -> Response:
        """The form for a new record; references may be given in the address."""
        caller = need(visit, _needs(self._area.new))
        fields = permitted(caller, self._new)
        given = {
            each.name: f"#{request.query_params[each.name]}"
            for each in fields
            if each.refers is not None and each.name in request.query_params
        }
        choices = await references.labelled(runtime, caller, fields, given)
        typed = {**inputs.defaults_of(fields), **{name: text for name, text in given.items() if choices.get(name)}}
        return await self._form(runtime, visit, Filled(fields, typed, choices=choices))

    async def add(self, request: Request, runtime: RuntimeDependency, visit: VisitDependency) -> Response:
        """Make the record, or show the form again."""
        area, caller = self._area, need(visit, _needs(self._area.new))
        filled = Filled(permitted(caller, self._new), await typed_in(request))
        order = await read(runtime, caller, filled, _schema(area.new))
        if order is not None:
            try:
                assert area.add is not None  # noqa: S101 (goes with `new`)
                return RedirectResponse(self._home(await area.add(runtime, caller, order), "added"), 303)
            except Problem as problem:
                filled.refused(problem)
        return await self._form(runtime, visit, filled)

    async def editing(self, record_id: PathId, runtime: RuntimeDependency, visit: VisitDependency) -> Response:
        """The form that changes a record."""
        caller, current = await self._editable(runtime, visit, record_id, self._area.one)
        fields = permitted(caller, self._edit, current)
        return await self._form(runtime, visit, Filled(fields, inputs.typed_of(fields, current)), current)

    async def save(
        self, record_id: PathId, request: Request, runtime: RuntimeDependency, visit: VisitDependency
    ) -> Response:
        """Change the record, or show the form again."""
        area, typed = self._area, await typed_in(request)
        caller, current = await self._editable(runtime, visit, record_id, area.stored or area.one)
        filled = Filled(permitted(caller, self._edit, current), typed)
        version = getattr(current, "version")  # noqa: B009 (every record that is changed has one)
        if typed.get("version") != str(version):
            return await self._conflict(runtime, visit, filled, current)
        change = await read(runtime, caller, filled, _schema(area.edit), current)
        if change is not None:
            try:
                assert area.save is not None  # noqa: S101 (goes with `edit`)
                saved = current
                if change.model_fields_set - {"version"}:
                    saved = await area.save(runtime, caller, record_id, change)
                return RedirectResponse(self._home(saved, "saved"), 303)
            except Problem as problem:
                if problem.kind == "stale-version":
                    return await self._conflict(runtime, visit, filled, await area.one(runtime, caller, record_id))
                filled.refused(problem)
        return await self._form(runtime, visit, filled, current)

    def _adding(self, part: Part[Any], fields: tuple[Field, ...]) -> Callable[..., Awaitable[Response]]:
        async def add_part(
            record_id: PathId, request: Request, runtime: RuntimeDependency, visit: VisitDependency
        ) -> Response:
            caller = need(visit, _needs(part.form))
            filled = Filled(permitted(caller, fields), await typed_in(request))
            order = await read(runtime, caller, filled, _schema(part.form))
            if order is not None:
                try:
                    assert part.add is not None  # noqa: S101 (otherwise there is no such route)
                    await part.add(runtime, caller, record_id, order)
                    return RedirectResponse(f"{self._area.path}/{record_id}?said=added", 303)
                except Problem as problem:
                    filled.refused(problem)
            await self._label(runtime, visit, filled)
            return await self._record(request, runtime, visit, record_id, refused={part.name: filled})

        return add_part

    def _doing(self, name: str) -> Callable[..., Awaitable[Response]]:
        act = next(act for act in self._area.acts if act.name == name)

        async def do(record_id: PathId, runtime: RuntimeDependency, visit: VisitDependency) -> Response:
            await act.do(runtime, need(visit, act.needs), record_id)
            return RedirectResponse(act.away or f"{self._area.path}/{record_id}?said=done", 303)

        return do

    def _stepping(self, step: Step[Item], fields: tuple[Field, ...]) -> Callable[..., Awaitable[Response]]:
        async def take(
            record_id: PathId, request: Request, runtime: RuntimeDependency, visit: VisitDependency
        ) -> Response:
            caller = need(visit, step.form.needs)
            filled = Filled(permitted(caller, fields), await typed_in(request))
            order = await read(runtime, caller, filled, step.form.schema)
            if order is not None:
                try:
                    await step.do(runtime, caller, record_id, order, filled.typed.get(KEY_FIELD, ""))
                    return RedirectResponse(f"{self._area.path}/{record_id}?said={step.name}", 303)
                except Problem as problem:
                    filled.refused(problem)
            await self._label(runtime, visit, filled)
            return await self._record(request, runtime, visit, record_id, refused={step.name: filled})

        return take

    def _offered(
        self, caller: Caller, record: Item, refused: Mapping[str, Filled]
    ) -> list[dict[str, Step[Item] | Filled]]:
        """The forms of what may be done now; one that was refused as it was filled in."""
        offered: list[dict[str, Step[Item] | Filled]] = []
        for step, fields in self._steps:
            if step.name not in refused and not (caller.may(step.form.needs) and step.when(record)):
                continue
            asked = step.fitted(permitted(caller, fields), record)
            form = refused.get(step.name) or Filled(asked, {**inputs.defaults_of(asked), **step.typed(record)})
            form.fields = asked
            offered.append({"step": step, "form": form})
        return offered

    async def _editable(
        self, runtime: Runtime, visit: Visit, record_id: int, load: Callable[[Runtime, Caller, int], Awaitable[Item]]
    ) -> tuple[Caller, Item]:
        caller = need(visit, _needs(self._area.edit))
        current = await load(runtime, caller, record_id)
        if not self._area.may_edit(caller, current):
            raise Problem(403, "not-permitted", "This is for somebody else to change.")
        return caller, current

    async def _conflict(self, runtime: Runtime, visit: Visit, filled: Filled, current: Item) -> Response:
        stored = inputs.typed_of(filled.fields, current)
        differs = {name: text for name, text in stored.items() if text != inputs.normal(filled.typed.get(name, ""))}
        labels = {each.name: {choice.value: choice.label for choice in each.choices} for each in filled.fields}
        filled.stored = {name: labels[name].get(text, text) or "nothing" for name, text in differs.items()}
        filled.alert, filled.status = STALE, 409
        return await self._form(runtime, visit, filled, current)

    def _home(self, item: Item, said: str) -> str:
        if self._area.home is not None:
            return self._area.home(item)
        return f"{self._area.path}/{getattr(item, 'id')}?said={said}"  # noqa: B009 (of any record)

    async def _record(
        self,
        request: Request,
        runtime: Runtime,
        visit: Visit,
        record_id: int,
        *,
        said: str = "",
        refused: Mapping[str, Filled] | None = None,
    ) -> Response:
        area, caller = self._area, need(visit, self._area.reads)
        record = await area.one(runtime, caller, record_id)
        parts = []
        for part, fields in self._parts:
            if part.needs and not caller.may(part.needs):
                continue
            before = request.query_params.get(f"{part.name}-before")
            found: Page[BaseModel] = await part.page(runtime, caller, record_id, before, OF_PART)
            asked = permitted(caller, fields) if part.form is not None and caller.may(part.form.needs) else ()
            empty = Filled(asked, inputs.defaults_of(asked))
            form = (refused or {}).get(part.name, empty)
            may_edit = bool(part.edits) and caller.may(part.edits_need)
            parts.append({"part": part, "found": found, "form": form, "may_edit": may_edit})
        values = {
            "record": record,
            "parts": parts,
            "steps": self._offered(caller, record, refused or {}),
            "said": self._said.get(said, ""),
            "may_edit": area.edit is not None and caller.may(area.edit.needs) and area.may_edit(caller, record),
            "acts": self._acts(caller, record),
            "has_history": bool(area.table) and not caller.identity.resources.isdisjoint(AUDIT_VIEWS),
        }
        status = max((form.status for form in (refused or {}).values()), default=200)
        return self._page(runtime, visit, "records/one.html", values, status)

    async def _form(self, runtime: Runtime, visit: Visit, filled: Filled, record: Item | None = None) -> Response:
        await self._label(runtime, visit, filled)
        acts = [] if record is None or self._area.facts else self._acts(visit.caller, record)
        values: dict[str, object] = {"form": filled, "record": record, "acts": acts}
        return self._page(runtime, visit, "records/form.html", values, filled.status)

    def _acts(self, caller: Caller, record: Item) -> list[Act[Item]]:
        return [
            act for act in self._area.acts if caller.may(act.needs) and act.when(record) and act.may(caller, record)
        ]

    async def _label(self, runtime: Runtime, visit: Visit, filled: Filled) -> None:
        if filled.status != 200:
            made = await references.labelled(runtime, visit.caller, filled.fields, filled.typed)
            filled.choices = {**filled.choices, **made}

    def _page(
        self, runtime: Runtime, visit: Visit, template: str, values: dict[str, object], status: int = 200
    ) -> Response:
        tabs = [tab for tab in self._area.tabs if visit.caller.may(tab.needs)]
        frame = {"account": visit.caller.principal, "csrf_token": visit.csrf_token, "active": self._area.active}
        page = render(template, {**values, **frame, "area": self._area, "tabs": tabs}, status)
        return visit.keep(page, secure=runtime.settings.in_production)


def need(visit: Visit, permission: str) -> Caller:
    """The caller, if they may; Problem 403."""
    visit.caller.need(permission)
    return visit.caller


def permitted(caller: Caller, fields: tuple[Field, ...], current: BaseModel | None = None) -> tuple[Field, ...]:
    """What this caller is asked."""
    granted = frozenset(each.needs for each in fields if each.needs and caller.may(each.needs))
    stored = {} if current is None else inputs.typed_of(fields, current)
    return inputs.permitted(fields, granted, stored)


async def typed_in(request: Request) -> dict[str, str]:
    """The texts of a form."""
    return {name: value for name, value in (await request.form()).items() if isinstance(value, str)}


async def read(
    runtime: Runtime, caller: Caller, filled: Filled, schema: type[BaseModel], current: BaseModel | None = None
) -> BaseModel | None:
    """What was typed, as the schema has it: of a `current` record the changes; None when something is wrong, which is
    then said in the form.
    """
    values, filled.wrong = inputs.values_of(filled.fields, filled.typed)
    ids, wrong, filled.choices = await references.resolve(runtime, caller, filled.fields, filled.typed, current)
    filled.wrong |= wrong
    values |= ids
    if current is None:
        given = {name: value for name, value in values.items() if value is not None}
    else:
        given = {**inputs.changed(values, current), "version": getattr(current, "version")}  # noqa: B009
    try:
        order = None if filled.wrong else schema.model_validate(given)
    except ValidationError as error:
        order, filled.wrong = None, messages_of(error)
    if order is None:
        filled.status, filled.alert = 422, "Some fields need another look."
    return order


def _needs(form: Form | None) -> str:
    assert form is not None  # noqa: S101 (otherwise there is no such route)
    return form.needs


def _schema(form: Form | None) -> type[BaseModel]:
    assert form is not None  # noqa: S101 (otherwise there is no such route)
    return form.schema
