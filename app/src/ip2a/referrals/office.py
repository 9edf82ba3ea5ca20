"""One place on a book as the office reads it, and one book."""

from sqlalchemy import text

from ip2a.referrals import repository, service
from ip2a.referrals.schemas import BookItem, QueueItem
from ip2a.runtime import Runtime
from ip2a.web.dependencies import Caller
from ip2a.web.problems import Problem

_HOLDER = text("SELECT member_number, first_name, last_name FROM members WHERE id = :id")


async def place(runtime: Runtime, caller: Caller, registration_id: int) -> QueueItem:
    """A place with who holds it, whether it waits or not; Problem 404."""
    async with caller.transaction(runtime.databases) as connection:
        row = await repository.find(connection, registration_id)
        holder = None
        if row is not None:
            holder = (await connection.execute(_HOLDER, {"id": row["member_id"]})).mappings().first()
    if row is None or holder is None:
        raise service.no_such_registration()
    return QueueItem.model_validate({**row, **holder})


async def book(runtime: Runtime, caller: Caller, book_id: int) -> BookItem:
    """One book; Problem 404."""
    found = next((book for book in await service.books(runtime, caller) if book.id == book_id), None)
    if found is None:
        raise Problem(404, "no-such-book", "There is no such book.")
    return found
