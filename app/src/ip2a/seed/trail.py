"""A long audit trail: what staff read and changed over the years, in every month of them."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random

from ip2a.auth.models import RoleName
from ip2a.seed.core import Core
from ip2a.seed.loading import Loader, Row

MONTHS = 24
LONGEST_REQUEST = 36  # months a call that makes partitions takes
COLUMNS = "changed_at table_name record_id action member_id user_id old_values new_values changed_fields address"
FIELDS = ("phone", "address", "city", "email", "classification")


def fill(loader: Loader, random: Random, core: Core, count: int, now: datetime) -> None:
    """`count` records, and the partitions they belong to."""
    first = now - timedelta(days=31 * MONTHS)
    loader.value("SELECT ip2a_ensure_audit_partitions(%s, %s)", first.date(), min(MONTHS + 14, LONGEST_REQUEST))
    loader.fill("audit_logs", COLUMNS, _records(random, core, count, now))


def _records(random: Random, core: Core, count: int, now: datetime) -> Iterator[Row]:
    staff = [account.id for role in (RoleName.STAFF, RoleName.OFFICER) for account in core.accounts[role]]
    span = timedelta(days=30 * MONTHS) / count
    for number in range(count):
        moment = now - span * (count - number)
        member = random.choice(core.members)
        user = random.choice(staff)
        address = f"10.1.{user % 200}.{number % 250}"
        if number % 5:
            yield moment, "members", member, "read", member, user, None, None, None, address
            continue
        field = FIELDS[number % len(FIELDS)]
        old, new = f'{{"{field}": "before {number}"}}', f'{{"{field}": "after {number}"}}'
        yield moment, "members", member, "update", member, user, old, new, [field], address
