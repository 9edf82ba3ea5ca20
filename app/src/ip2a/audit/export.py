"""Seven years of the audit trail are kept in the database; what is older leaves it as a file for each month.

A month is written to S3 as gzipped JSON lines with a manifest beside it, read back and compared, and only then dropped
by the database, which counts for itself. Whatever fails on the way leaves the month where it is.
"""

import asyncio
import gzip
import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from ip2a.audit import repository
from ip2a.database.identity import SYSTEM, transaction
from ip2a.storage import Storage, create_storage
from ip2a.worker.work import Tools

LOGGER = logging.getLogger(__name__)
FORMAT = "ip2a-audit-1"
PREFIX = "audit-trail"
PORTION = 2000
BLOCK = 1024 * 1024


class NotVerified(Exception):
    """What was read back is not what was written."""


@dataclass(frozen=True, slots=True)
class Digest:
    """What is known of a month's file: `sha256` of the file, `content_sha256` of its lines."""

    rows: int
    bytes: int
    sha256: str
    content_sha256: str


class MonthFile:
    """A month's file while it is written. The same records make the same bytes: gzip is told no time and no name."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._raw = path.open("wb")
        self._lines = gzip.GzipFile(filename="", mode="wb", fileobj=self._raw, mtime=0)
        self._content = hashlib.sha256()
        self._rows = 0

    def add(self, records: Sequence[str]) -> None:
        """Append records, one a line."""
        block = "".join(f"{record}\n" for record in records).encode()
        self._lines.write(block)
        self._content.update(block)
        self._rows += len(records)

    def close(self) -> Digest:
        """End the file."""
        self._lines.close()
        self._raw.close()
        return Digest(self._rows, self._path.stat().st_size, _sha256(self._path), self._content.hexdigest())


async def export_old_months(tools: Tools) -> str:
    """The nightly job: every month that ended seven years ago; says what it did."""
    storage = create_storage(tools.settings)
    async with transaction(tools.databases.write, SYSTEM) as connection:
        await repository.ensure_partitions(connection, tools.now(), 1)  # what came into the rest goes to its month
        months = await repository.old_months(connection)
    if not months:
        return "no month is older than seven years"
    if storage is None:
        return f"{len(months)} months wait: IP2A_S3_ENDPOINT is not set, so they stay in the database"
    rows = 0
    for month in months:
        rows += await export_month(tools, storage, month)
    return f"{len(months)} months with {rows} records exported, read back and dropped"


async def export_month(tools: Tools, storage: Storage, month: date) -> int:
    """Export, verify and drop one month; returns its records. Raises NotVerified, and what S3 or the database raise."""
    with TemporaryDirectory(prefix="ip2a-audit-") as directory:
        path = Path(directory) / "month.ndjson.gz"
        digest = await _write(tools, month, path)
        # Another file of the same month (records that came late) never takes the place of an earlier one.
        key = f"{PREFIX}/{month:%Y}/audit-{month:%Y-%m}-{digest.content_sha256[:12]}.ndjson.gz"
        manifest = manifest_of(month, key, digest)
        manifest_path = Path(directory) / "manifest.json"
        await asyncio.to_thread(manifest_path.write_bytes, manifest)
        await storage.put_file(key, path, "application/gzip")
        await storage.put_file(manifest_key(key), manifest_path, "application/json")
        await _verify(storage, key, manifest, digest, Path(directory))
    async with transaction(tools.databases.write, SYSTEM) as connection:
        await repository.note_export(
            connection,
            month=month,
            row_count=digest.rows,
            object_key=key,
            size_bytes=digest.bytes,
            sha256=digest.sha256,
        )
        await repository.drop_month(connection, month)
    LOGGER.info("audit trail of %s: %d records are at %s", f"{month:%Y-%m}", digest.rows, key)
    return digest.rows


def manifest_of(month: date, key: str, digest: Digest) -> bytes:
    """What somebody needs to trust and read the file, as JSON; the same for the same file."""
    known = {"format": FORMAT, "month": f"{month:%Y-%m}", "object": key, **asdict(digest)}
    return json.dumps(known, indent=2, sort_keys=True).encode()


def manifest_key(key: str) -> str:
    """Where the manifest of a file is."""
    return key.removesuffix(".ndjson.gz") + ".manifest.json"


def read_digest(path: Path) -> Digest:
    """What a file really holds. Raises OSError or EOFError for one that is damaged."""
    content, rows = hashlib.sha256(), 0
    with gzip.open(path, "rb") as file:
        while block := file.read(BLOCK):
            content.update(block)
            rows += block.count(b"\n")
    return Digest(rows, path.stat().st_size, _sha256(path), content.hexdigest())


async def _write(tools: Tools, month: date, path: Path) -> Digest:
    since = datetime(month.year, month.month, 1, tzinfo=UTC)
    until = (since + timedelta(days=31)).replace(day=1)
    file = await asyncio.to_thread(MonthFile, path)
    after: tuple[datetime, int] | None = None
    while True:
        async with transaction(tools.databases.write, SYSTEM) as connection:
            rows = await repository.records_of(connection, since, until, after=after, limit=PORTION)
        await asyncio.to_thread(file.add, [record for record, _, _ in rows])
        if len(rows) < PORTION:
            return await asyncio.to_thread(file.close)
        after = rows[-1][1:]


async def _verify(storage: Storage, key: str, manifest: bytes, digest: Digest, directory: Path) -> None:
    """Both objects, read back from the store."""
    back, manifest_back = directory / "back.ndjson.gz", directory / "back.json"
    await storage.fetch(key, back)
    await storage.fetch(manifest_key(key), manifest_back)
    try:
        found = await asyncio.to_thread(read_digest, back)
    except (OSError, EOFError):
        raise NotVerified(f"{key} cannot be read back; the month stays in the database") from None
    if found != digest or await asyncio.to_thread(manifest_back.read_bytes) != manifest:
        raise NotVerified(f"{key} is not what was written; the month stays in the database")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
