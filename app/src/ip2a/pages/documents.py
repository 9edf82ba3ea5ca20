"""Documents for people: one's own, and a member's for the office. Files go from the browser straight to S3: a page with
a signed form, on to a page that says the file has arrived, and one press (or htmx) has it looked at and kept.
"""

from typing import Annotated

from fastapi import APIRouter, Form, Query
from pydantic import ValidationError
from starlette.responses import RedirectResponse, Response

from ip2a.audit.service import record_read
from ip2a.documents import service
from ip2a.documents.models import DocumentCategory
from ip2a.documents.schemas import DocumentItem, DocumentOrder, MemberDocumentOrder
from ip2a.members import service as members
from ip2a.pages.session import Visit, VisitDependency, show
from ip2a.records import service as records
from ip2a.runtime import Runtime
from ip2a.web.dependencies import Caller, RuntimeDependency
from ip2a.web.keyset import Cursor, PathId

router = APIRouter(include_in_schema=False)

OWN, OFFICE, MEMBERS = "/my/documents", "/office/documents", "/office/members"
APPLICATION = "/my/application"
SHOWN = 50
SAID = {"kept": "The document is kept.", "deleted": "The document is deleted."}

Said = Annotated[str, Query(max_length=20)]
Title = Annotated[str, Form(max_length=200)]
Category = Annotated[DocumentCategory, Form()]


@router.get(OWN)
async def own(runtime: RuntimeDependency, visit: VisitDependency, before: Cursor = None, said: Said = "") -> Response:
    """One's own documents, and the beginning of another."""
    return await _own(runtime, visit, before=before, said=SAID.get(said, ""))


@router.post(OWN)
async def begin_own(
    runtime: RuntimeDependency,
    visit: VisitDependency,
    title: Title = "",
    category: Category = DocumentCategory.GENERAL,
) -> Response:
    """Make the document, and go on to choose its file."""
    caller = _permitted(visit, "self:update")
    try:
        order = DocumentOrder(title=title.strip(), category=category)
    except ValidationError:
        return await _own(runtime, visit, wrong={"title": "A title in one line, such as: OSHA card."})
    begun = await service.begin(runtime, caller, order, member_id=caller.principal.member_id)
    return RedirectResponse(f"{OWN}/{begun.document.id}/upload", 303)


@router.get(OWN + "/{document_id}/upload")
async def choose_own(document_id: PathId, runtime: RuntimeDependency, visit: VisitDependency) -> Response:
    """The form that takes the file to S3."""
    caller = _permitted(visit, "self:update")
    form = await service.again(runtime, caller, document_id, then=f"{OWN}/{{id}}/arrived")
    return show(runtime, visit, "upload.html", {"form": form, "back": OWN}, active="documents")


@router.get(OWN + "/{document_id}/arrived")
async def arrived_own(document_id: PathId, runtime: RuntimeDependency, visit: VisitDependency) -> Response:
    """Where S3 sends the browser when it has the file."""
    caller = _permitted(visit, "self:update")
    document = await service.find(runtime, caller, document_id)
    values = {"document": document, "path": f"{OWN}/{document_id}"}
    return show(runtime, visit, "arrived.html", values, active="documents")


@router.post(OWN + "/{document_id}/confirm")
async def confirm_own(document_id: PathId, runtime: RuntimeDependency, visit: VisitDependency) -> Response:
    """Look at the file and keep it."""
    document = await service.confirm(runtime, _permitted(visit, "self:update"), document_id)
    attached = document.category is DocumentCategory.APPLICATION and visit.caller.may("application:update")
    return RedirectResponse(APPLICATION if attached else f"{OWN}?said=kept", 303)


@router.get(OWN + "/{document_id}/file")
async def own_file(document_id: PathId, runtime: RuntimeDependency, visit: VisitDependency) -> Response:
    """On to the file."""
    link = await service.download(runtime, _permitted(visit, "self:update"), document_id)
    return RedirectResponse(link.url, 303)


@router.post(OWN + "/{document_id}/delete")
async def delete_own(document_id: PathId, runtime: RuntimeDependency, visit: VisitDependency) -> Response:
    """Delete a document one has uploaded."""
    await service.delete(runtime, _permitted(visit, "self:update"), document_id)
    return RedirectResponse(f"{OWN}?said=deleted", 303)


@router.get(MEMBERS + "/{member_id}/documents")
async def of_member(
    member_id: PathId,
    runtime: RuntimeDependency,
    visit: VisitDependency,
    before: Cursor = None,
    said: Said = "",
) -> Response:
    """A member's documents; the reading is recorded."""
    return await _of_member(runtime, visit, member_id, before=before, said=SAID.get(said, ""))


@router.post(MEMBERS + "/{member_id}/documents")
async def begin(
    member_id: PathId,
    runtime: RuntimeDependency,
    visit: VisitDependency,
    title: Title = "",
    category: Category = DocumentCategory.GENERAL,
) -> Response:
    """Make a document of a member, and go on to choose its file."""
    _permitted(visit, "members:read")
    caller = _permitted(visit, "files:create")
    try:
        order = MemberDocumentOrder(title=title.strip(), category=category, member_id=member_id)
    except ValidationError:
        return await _of_member(runtime, visit, member_id, wrong={"title": "A title in one line, such as: Letter."})
    begun = await service.begin(runtime, caller, order, member_id=member_id)
    return RedirectResponse(f"{OFFICE}/{begun.document.id}/upload", 303)


@router.get(OFFICE + "/{document_id}/upload")
async def choose(document_id: PathId, runtime: RuntimeDependency, visit: VisitDependency) -> Response:
    """The form that takes the file to S3."""
    caller = _permitted(visit, "files:create")
    form = await service.again(runtime, caller, document_id, then=f"{OFFICE}/{{id}}/arrived")
    values = {"form": form, "back": _list_with(form.document)}
    return show(runtime, visit, "upload.html", values, active="members")


@router.get(OFFICE + "/{document_id}/arrived")
async def arrived(document_id: PathId, runtime: RuntimeDependency, visit: VisitDependency) -> Response:
    """Where S3 sends the browser when it has the file."""
    document = await service.find(runtime, _permitted(visit, "files:create"), document_id)
    values = {"document": document, "path": f"{OFFICE}/{document_id}"}
    return show(runtime, visit, "arrived.html", values, active="members")


@router.post(OFFICE + "/{document_id}/confirm")
async def confirm(document_id: PathId, runtime: RuntimeDependency, visit: VisitDependency) -> Response:
    """Look at the file and keep it."""
    document = await service.confirm(runtime, _permitted(visit, "files:create"), document_id)
    return RedirectResponse(f"{_list_with(document)}?said=kept", 303)


@router.get(OFFICE + "/{document_id}/file")
async def file(document_id: PathId, runtime: RuntimeDependency, visit: VisitDependency) -> Response:
    """On to the file; the reading is recorded."""
    link = await service.download(runtime, _permitted(visit, "files:read"), document_id)
    return RedirectResponse(link.url, 303)


@router.post(OFFICE + "/{document_id}/delete")
async def delete(document_id: PathId, runtime: RuntimeDependency, visit: VisitDependency) -> Response:
    """Delete a document."""
    caller = _permitted(visit, "files:delete")
    document = await service.find(runtime, caller, document_id)
    await service.delete(runtime, caller, document_id)
    return RedirectResponse(f"{_list_with(document)}?said=deleted", 303)


async def _own(
    runtime: Runtime,
    visit: Visit,
    *,
    before: str | None = None,
    said: str = "",
    wrong: dict[str, str] | None = None,
) -> Response:
    caller = _permitted(visit, "self:update")
    values = {
        "documents": await service.page(runtime, caller, member_id=None, own=True, before=before, limit=SHOWN),
        "path": OWN,
        "member": None,
        "may_delete": False,
        "files_on": runtime.storage is not None,
        **_form(said, wrong),
    }
    return show(runtime, visit, "documents.html", values, active="documents", status=422 if wrong else 200)


async def _of_member(
    runtime: Runtime,
    visit: Visit,
    member_id: int,
    *,
    before: str | None = None,
    said: str = "",
    wrong: dict[str, str] | None = None,
) -> Response:
    _permitted(visit, "members:read")
    caller = _permitted(visit, "files:read")
    member = await records.read(runtime, caller, members.MEMBERS, member_id)
    await record_read(runtime, caller, "documents", None, member_id)
    values = {
        "documents": await service.page(runtime, caller, member_id=member_id, own=False, before=before, limit=SHOWN),
        "path": f"{MEMBERS}/{member_id}/documents",
        "member": member,
        "may_delete": caller.may("files:delete"),
        "files_on": runtime.storage is not None and caller.may("files:create"),
        **_form(said, wrong),
    }
    return show(runtime, visit, "documents.html", values, active="members", status=422 if wrong else 200)


def _list_with(document: DocumentItem) -> str:
    """The office's list that the document stands in."""
    return MEMBERS if document.member_id is None else f"{MEMBERS}/{document.member_id}/documents"


def _form(said: str, wrong: dict[str, str] | None) -> dict[str, object]:
    return {
        "said": said,
        "wrong": wrong or {},
        "categories": [kind for kind in DocumentCategory if kind is not DocumentCategory.APPLICATION],
    }


def _permitted(visit: Visit, permission: str) -> Caller:
    visit.caller.need(permission)
    return visit.caller
