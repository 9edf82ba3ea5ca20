"""Reading lists that are not cached, in one round trip.

Read from the primary: what these tell of is changed by other people too, whose writes the caller's marker knows nothing
of.
"""

import json
from decimal import Decimal

from ip2a.database.pipeline import Parameters, Statement
from ip2a.runtime import Runtime
from ip2a.web.dependencies import Caller


async def read_list(
    runtime: Runtime, caller: Caller, statement: Statement, parameters: Parameters
) -> list[dict[str, object]]:
    """The rows of a `listing` as JSON has them.

    Raises psycopg.Error, TimeoutError, SQLAlchemy's TimeoutError.
    """
    snapshot = await runtime.reader.read(caller.identity, (statement, parameters), from_primary=True)
    rows: list[dict[str, object]] = json.loads(snapshot.rows[0][0] or b"[]", parse_float=Decimal)
    return rows
