"""Telling a class that it is cancelled: the worker looks up whom, because who cancels a class may not see addresses."""

from datetime import date, time
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ip2a.worker.queue import enqueue
from ip2a.worker.work import GiveUp, Kind, Work

NOTICE = "class-notice"

# Addresses of accounts that may log in come before the ones that the office noted.
_CLASS = text(
    """
    SELECT k.name AS course, c.session_date, c.start_time, c.cancellation_reason FROM class_sessions c
    JOIN courses k ON k.id = c.course_id WHERE c.id = :id AND c.cancelled_at IS NOT NULL
    """
)
_PEOPLE = text(
    """
    SELECT s.first_name, coalesce(u.email, m.email) AS email
    FROM class_sessions c
    JOIN enrollments e ON e.course_id = c.course_id AND e.cohort = c.cohort AND e.status = 'enrolled'
    JOIN students s ON s.id = e.student_id AND s.deleted_at IS NULL
    LEFT JOIN members m ON m.id = s.member_id
    LEFT JOIN users u ON u.is_active AND (u.id = s.user_id OR u.member_id = s.member_id)
    WHERE c.id = :id AND coalesce(u.email, m.email) IS NOT NULL
    UNION
    SELECT i.first_name, i.email FROM class_sessions c JOIN instructors i ON i.id = c.instructor_id
    WHERE c.id = :id AND i.deleted_at IS NULL
    ORDER BY 2
    """
)


class Cancelled(NamedTuple):
    """What is to be told of a class."""

    course: str
    session_date: date
    start_time: time
    reason: str


async def announce(connection: AsyncConnection, session_id: int) -> None:
    """Have the worker tell everybody of the class, if this transaction commits."""
    await enqueue(connection, NOTICE, {"session_id": session_id}, unique_key=f"{NOTICE}:{session_id}")


async def tell_class(work: Work) -> None:
    """Handler of jobs of kind `class-notice`: queues one mail for each student and the instructor, all or none.

    Raises GiveUp for a class that is none, or not cancelled.
    """
    parameters = {"id": work.payload.get("session_id")}
    async with work.finishing() as connection:
        found = (await connection.execute(_CLASS, parameters)).first()
        if found is None:
            raise GiveUp("the class is not cancelled")
        cancelled = Cancelled(*found)
        for first_name, email in await connection.execute(_PEOPLE, parameters):
            await enqueue(
                connection,
                "mail",
                {"to": email, "subject": subject(cancelled), "text": notice(first_name, cancelled)},
            )


def subject(cancelled: Cancelled) -> str:
    """The mail's subject; of a course's name what fits."""
    return f"No class on {cancelled.session_date:%B} {cancelled.session_date.day}: {cancelled.course}"[:200]


def notice(first_name: str, cancelled: Cancelled) -> str:
    """The mail's text."""
    day = f"{cancelled.session_date:%A, %B} {cancelled.session_date.day}, {cancelled.session_date.year}"
    return (
        f"Hello {first_name},\n\nthe class {cancelled.course} on {day} at {cancelled.start_time:%H:%M} is cancelled:"
        f" {cancelled.reason}\n\nYou do not have to do anything. Your next classes stay as they are.\n"
    )


CLASS_NOTICE = Kind(tell_class)
