"""What runs at night: `ip2a-app job NAME`. Each job is one or a few statements, and may run twice without harm."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncEngine

from ip2a.audit import repository as audit
from ip2a.billing.service import mark_overdue_nightly
from ip2a.database.engines import create_databases
from ip2a.database.identity import SYSTEM, transaction
from ip2a.referrals.enforcement import enforce
from ip2a.settings import Settings

MONTHS_AHEAD = 13

Job = Callable[[AsyncEngine, datetime], Awaitable[str]]


async def _mark_overdue(engine: AsyncEngine, now: datetime) -> str:
    return f"{await mark_overdue_nightly(engine, now)} dues changed their status"


async def _enforce_referral(engine: AsyncEngine, now: datetime) -> str:
    return ", ".join(f"{name.replace('_', ' ')}: {count}" for name, count in asdict(await enforce(engine, now)).items())


async def _extend_audit(engine: AsyncEngine, now: datetime) -> str:
    async with transaction(engine, SYSTEM) as connection:
        made = await audit.ensure_partitions(connection, now, MONTHS_AHEAD)
    return f"{made} months of the audit trail added"


JOBS: dict[str, Job] = {
    "mark-overdue": _mark_overdue,
    "enforce-referral": _enforce_referral,
    "extend-audit": _extend_audit,
}


async def run(name: str, settings: Settings, now: datetime) -> str:
    """Run one job and say what it did."""
    databases = create_databases(settings)
    try:
        return await JOBS[name](databases.write, now)
    finally:
        await databases.close()
