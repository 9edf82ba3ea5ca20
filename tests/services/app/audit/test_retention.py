"""Months of the trail leave the database after seven years: as files that were read back, and in no other way."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from devcluster.services import S3
from ip2a.audit.export import NotVerified, export_old_months, manifest_key
from ip2a.database.identity import SYSTEM, transaction
from ip2a.runtime import Runtime
from ip2a.storage import TROUBLE, Storage
from ip2a.worker.work import Tools
from tests.services.app.world import as_worker

FILL = """
    INSERT INTO audit_logs (changed_at, table_name, record_id, action, member_id, new_values)
    SELECT make_timestamptz({year}, {month}, 1 + n % 28, 12, 0, n % 60, 'UTC'), 'members', n::text, 'update', n,
        jsonb_build_object('city', 'Kent–' || n) FROM generate_series(1, {count}) n
"""


@pytest.fixture
async def tools(runtime: Runtime) -> AsyncIterator[Tools]:
    async with as_worker(runtime) as databases:
        yield Tools(runtime.settings, databases, lambda: datetime.now(UTC))


async def fill(as_owner: str, year: int, month: int, count: int) -> None:
    """Records of a time long ago, as they would be there."""
    async with await psycopg.AsyncConnection.connect(as_owner) as owner:
        await owner.execute("SET ip2a.resources = 'audit_write'")
        await owner.execute(FILL.format(year=year, month=month, count=count).encode())


async def count(tools: Tools, year: int) -> int:
    async with transaction(tools.databases.write, SYSTEM) as connection:
        rows = await connection.execute(
            text("SELECT count(*) FROM audit_logs WHERE extract(year FROM changed_at) = :year"), {"year": year}
        )
        number: int = rows.scalar_one()
    return number


async def exports(tools: Tools, year: int) -> list[tuple[str, int, str]]:
    async with transaction(tools.databases.write, SYSTEM) as connection:
        rows = await connection.execute(
            text(
                "SELECT object_key, row_count, sha256 FROM audit_exports WHERE dropped_at IS NOT NULL"
                " AND extract(year FROM month) = :year ORDER BY month"
            ),
            {"year": year},
        )
        return [(row[0], row[1], row[2]) for row in rows]


async def test_old_months_are_exported_read_back_and_dropped(
    runtime: Runtime, tools: Tools, as_owner: str, tmp_path: Path
) -> None:
    await fill(as_owner, 2011, 3, 4500)
    await fill(as_owner, 2011, 12, 1)
    said = await export_old_months(tools)
    assert "2 months with 4501 records exported" in said
    assert await count(tools, 2011) == 0
    (march, december) = await exports(tools, 2011)
    assert (march[1], december[1]) == (4500, 1)
    assert runtime.storage is not None
    path = tmp_path / "month"
    await runtime.storage.fetch(march[0], path)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == march[2]
    records = [json.loads(line) for line in gzip.decompress(path.read_bytes()).decode().splitlines()]
    assert sorted(int(record["record_id"]) for record in records) == list(range(1, 4501))
    assert records == sorted(records, key=lambda record: (record["changed_at"], record["id"]))
    assert records[0]["new_values"]["city"].startswith("Kent–")
    await runtime.storage.fetch(manifest_key(march[0]), path)
    manifest = json.loads(path.read_bytes())
    assert (manifest["month"], manifest["rows"], manifest["sha256"]) == ("2011-03", 4500, march[2])
    async with transaction(tools.databases.write, SYSTEM) as connection:
        noted = await connection.execute(
            text("SELECT action FROM audit_logs WHERE table_name = 'audit_exports' ORDER BY id DESC LIMIT 2")
        )
        assert set(noted.scalars()) == {"create", "update"}
    assert await export_old_months(tools) == "no month is older than seven years"


async def test_records_that_come_late_do_not_replace_an_earlier_export(tools: Tools, as_owner: str) -> None:
    for _ in range(2):
        await fill(as_owner, 2012, 5, 3)  # other ids, so another file
        await export_old_months(tools)
    keys = [key for key, _, _ in await exports(tools, 2012)]
    assert len(set(keys)) == 2


def damage(path: Path) -> None:
    """Change one bit of the file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


async def test_a_file_that_reads_back_differently_keeps_the_month(
    tools: Tools, as_owner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(as_owner, 2013, 1, 50)
    fetch = Storage.fetch

    async def damaged(self: Storage, key: str, path: Path) -> None:
        await fetch(self, key, path)
        damage(path)

    with monkeypatch.context() as patch:
        patch.setattr(Storage, "fetch", damaged)
        with pytest.raises(NotVerified, match="stays in the database"):
            await export_old_months(tools)
    assert await count(tools, 2013) == 50
    assert await exports(tools, 2013) == []
    await export_old_months(tools)
    assert await count(tools, 2013) == 0


async def test_without_a_file_store_nothing_is_dropped(tools: Tools, as_owner: str, s3_server: S3) -> None:
    await fill(as_owner, 2014, 1, 5)
    off = Tools(tools.settings.model_copy(update={"s3_endpoint": ""}), tools.databases, tools.now)
    assert "so they stay in the database" in await export_old_months(off)
    s3_server.stop()
    try:
        with pytest.raises(TROUBLE):
            await export_old_months(tools)
    finally:
        s3_server.start()
    assert await count(tools, 2014) == 5
    await export_old_months(tools)
    assert await count(tools, 2014) == 0


async def test_the_database_drops_nothing_young_unexported_or_for_others(
    runtime: Runtime, tools: Tools, as_owner: str
) -> None:
    await fill(as_owner, 2015, 1, 5)
    async with transaction(tools.databases.write, SYSTEM) as connection:
        await connection.execute(text("SELECT ip2a_ensure_audit_partitions('2015-01-01', 1)"))
    recent = date(datetime.now(UTC).year - 6, 1, 1)
    for month, words in (
        (date(2015, 1, 1), "is not exported"),
        (date(2015, 1, 2), "first day"),
        (recent, "seven years"),
        (date.today().replace(day=1), "seven years"),
    ):
        with pytest.raises(DBAPIError, match=words):
            async with transaction(tools.databases.write, SYSTEM) as connection:
                await connection.execute(text("SELECT ip2a_drop_audit_month(:month)"), {"month": month})
    async with transaction(tools.databases.write, SYSTEM) as connection:
        await connection.execute(
            text(
                "INSERT INTO audit_exports (month, row_count, object_key, size_bytes, sha256, verified_at)"
                " VALUES ('2015-01-01', 4, 'x', 1, 'x', now())"
            )
        )
    with pytest.raises(DBAPIError, match="is not exported"):
        async with transaction(tools.databases.write, SYSTEM) as connection:
            await connection.execute(text("SELECT ip2a_drop_audit_month('2015-01-01')"))
    for statement in ("SELECT ip2a_drop_audit_month('2015-01-01')", "SELECT 1 FROM audit_exports"):
        with pytest.raises(DBAPIError, match="permission denied"):
            async with transaction(runtime.databases.write, SYSTEM) as connection:
                await connection.execute(text(statement))
    assert await count(tools, 2015) == 5
