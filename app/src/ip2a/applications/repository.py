"""Applications in the database: a change of state is one statement that names the states it may come from."""

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from ip2a.applications.models import ApplicationStatus

_COLUMNS = """id, user_id, status, first_name, last_name, phone, city, education, experience, submitted_at,
    interview_on, score, decided_at"""

_BEGIN = text(
    f"""
    INSERT INTO applications (user_id, first_name, last_name, phone, city, education, experience)
    SELECT id, first_name, last_name, :phone, :city, :education, :experience FROM users WHERE id = ip2a_user_id()
    RETURNING {_COLUMNS}
    """  # noqa: S608 (constant columns)
)
_EDIT = text(
    f"""
    UPDATE applications SET phone = :phone, city = :city, education = :education, experience = :experience,
        updated_at = now()
    WHERE user_id = ip2a_user_id() AND status = 'draft' RETURNING {_COLUMNS}
    """  # noqa: S608 (constant columns)
)
_OWN = text(
    f"SELECT {_COLUMNS} FROM applications WHERE user_id = ip2a_user_id() ORDER BY id DESC LIMIT 1"  # noqa: S608 (constant columns)
)
_ONE = text(f"SELECT {_COLUMNS} FROM applications WHERE id = :id")  # noqa: S608 (constant columns)
_PAGE = text(
    f"""
    SELECT {_COLUMNS} FROM applications
    WHERE (cast(:status AS text) IS NULL OR status = :status) AND status <> 'draft' AND id < :before
    ORDER BY id DESC LIMIT :limit
    """  # noqa: S608 (constant columns)
)
_MOVE = text(
    f"""
    UPDATE applications SET status = cast(:target AS text), updated_at = now(),
        submitted_at = CASE WHEN :target = 'submitted' THEN :now ELSE submitted_at END,
        interview_on = coalesce(cast(:interview_on AS date), interview_on),
        score = coalesce(cast(:score AS numeric), score),
        decided_at = CASE WHEN :decides THEN :now ELSE decided_at END,
        decided_by_id = CASE WHEN :decides THEN ip2a_user_id() ELSE decided_by_id END
    WHERE id = :id AND status = ANY(:sources) RETURNING {_COLUMNS}
    """  # noqa: S608 (constant columns)
)


async def begin(connection: AsyncConnection, fields: dict[str, str | None]) -> RowMapping:
    """A draft of the caller; raises IntegrityError when there is a live application."""
    return (await connection.execute(_BEGIN, fields)).mappings().one()


async def edit(connection: AsyncConnection, fields: dict[str, str | None]) -> RowMapping | None:
    """Replace the fields of the caller's draft; None when there is none."""
    return (await connection.execute(_EDIT, fields)).mappings().first()


async def own(connection: AsyncConnection) -> RowMapping | None:
    """The caller's newest application."""
    return (await connection.execute(_OWN)).mappings().first()


async def find(connection: AsyncConnection, application_id: int) -> RowMapping | None:
    """One application."""
    return (await connection.execute(_ONE, {"id": application_id})).mappings().first()


async def page(connection: AsyncConnection, status: str | None, *, before: int, limit: int) -> list[RowMapping]:
    """Applications that were submitted, newest first."""
    return list((await connection.execute(_PAGE, {"status": status, "before": before, "limit": limit})).mappings())


async def move(
    connection: AsyncConnection,
    application_id: int,
    target: ApplicationStatus,
    sources: Iterable[ApplicationStatus],
    *,
    now: datetime,
    decides: bool = False,
    interview_on: date | None = None,
    score: Decimal | None = None,
) -> RowMapping | None:
    """Bring it into another state; None when it is in none of `sources`."""
    result = await connection.execute(
        _MOVE,
        {
            "id": application_id,
            "target": target.value,
            "sources": [source.value for source in sources],
            "now": now,
            "decides": decides,
            "interview_on": interview_on,
            "score": score,
        },
    )
    return result.mappings().first()
