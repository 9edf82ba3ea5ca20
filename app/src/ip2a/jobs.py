"""What runs at night: `ip2a-app job NAME`. Each job may run twice, also at the same time, without harm."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import datetime

from ip2a.audit import repository as audit
from ip2a.audit.export import export_old_months
from ip2a.billing.service import mark_overdue_nightly
from ip2a.checkout.service import reconcile as reconcile_checkouts
from ip2a.database.engines import create_databases
from ip2a.database.identity import SYSTEM, transaction
from ip2a.referrals.enforcement import enforce
from ip2a.refunds.service import reconcile as reconcile_refunds
from ip2a.settings import Settings
from ip2a.worker.retention import clean_up
from ip2a.worker.work import Tools

MONTHS_AHEAD = 13

Job = Callable[[Tools], Awaitable[str]]


async def _mark_overdue(tools: Tools) -> str:
    return f"{await mark_overdue_nightly(tools.databases.write, tools.now())} dues changed their status"


async def _enforce_referral(tools: Tools) -> str:
    done = asdict(await enforce(tools.databases.write, tools.now(), tools.settings.public_url))
    return ", ".join(f"{name.replace('_', ' ')}: {count}" for name, count in done.items())


async def _extend_audit(tools: Tools) -> str:
    async with transaction(tools.databases.write, SYSTEM) as connection:
        made = await audit.ensure_partitions(connection, tools.now(), MONTHS_AHEAD)
    return f"{made} months of the audit trail added"


async def _clean_up(tools: Tools) -> str:
    gone = await clean_up(tools.databases.write, tools.now())
    return ", ".join(f"{what}: {count}" for what, count in gone.items()) + " forgotten"


async def _reconcile(tools: Tools) -> str:
    return f"{await reconcile_checkouts(tools)}; {await reconcile_refunds(tools)}"


JOBS: dict[str, Job] = {
    "reconcile-payments": _reconcile,
    "mark-overdue": _mark_overdue,
    "enforce-referral": _enforce_referral,
    "extend-audit": _extend_audit,
    "export-audit": export_old_months,
    "clean-up": _clean_up,
}


async def run(name: str, settings: Settings, now: datetime) -> str:
    """Run one job and say what it did."""
    databases = create_databases(settings)
    try:
        return await JOBS[name](Tools(settings, databases, lambda: now))
    finally:
        await databases.close()
