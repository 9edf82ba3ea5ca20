"""One dispatch as the office reads it."""

from ip2a.dispatches import repository
from ip2a.dispatches.schemas import DispatchOfMember
from ip2a.runtime import Runtime
from ip2a.web.dependencies import Caller
from ip2a.web.problems import Problem


async def find(runtime: Runtime, caller: Caller, dispatch_id: int) -> DispatchOfMember:
    """A dispatch with who was sent; Problem 404."""
    async with caller.transaction(runtime.databases) as connection:
        rows = await repository.some(connection, [dispatch_id])
    if not rows:
        raise Problem(404, "no-such-dispatch", "There is no such dispatch.")
    return DispatchOfMember.model_validate(dict(rows[0]))
