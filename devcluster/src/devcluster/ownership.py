"""One full cluster a machine: who holds it, and one command at a time.

The record says which checkout brought the cluster up. The holder is alive while any of its daemons is; a dead
holder's record is taken over.
"""

from __future__ import annotations

import datetime
import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from devcluster import cache
from devcluster.errors import DevclusterError
from devcluster.paths import CHECKOUT, NAME, STATE

COMMAND_LOCK = Path("/run/lock") / f"{NAME}.lock"
DECIDING = ("devcluster", "operator", "app", "charts", "manifests", "requirements")
"""What of a checkout decides what runs in the cluster."""


@dataclass(frozen=True)
class Holder:
    """Who brought the cluster up."""

    checkout: str
    digest: str
    since: str


def checkout_digest() -> str:
    """The digest of everything in this checkout that decides what runs."""
    files = [
        file
        for name in DECIDING
        for file in (CHECKOUT / name).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    ]
    return cache.tree_digest(CHECKOUT, files)


def holder() -> Holder | None:
    """The record, if there is one."""
    try:
        return Holder(**json.loads(_record().read_text()))
    except FileNotFoundError:
        return None


def claim() -> None:
    """Writes this checkout into the record."""
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    _record().parent.mkdir(parents=True, exist_ok=True)
    _record().write_text(json.dumps(asdict(Holder(str(CHECKOUT), checkout_digest(), now))))


def refuse_foreign(alive: bool) -> None:
    """Raises DevclusterError when another checkout's cluster is alive."""
    current = holder()
    if current and alive and current.checkout != str(CHECKOUT):
        raise DevclusterError(
            f"this machine's cluster is held by {current.checkout} since {current.since}",
            "run `make down` there, or here `devcluster down --force`",
        )


@contextmanager
def exclusive() -> Iterator[None]:
    """One `up`, `down` or `load` at a time. Raises DevclusterError naming the other."""
    COMMAND_LOCK.parent.mkdir(parents=True, exist_ok=True)
    with COMMAND_LOCK.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            raise DevclusterError(
                f"another devcluster command is at work: {lock.read().strip()}", "wait for it to end"
            ) from error
        lock.seek(0)
        lock.truncate()
        lock.write(f"pid {os.getpid()} of {CHECKOUT}")
        lock.flush()
        try:
            yield
        finally:
            lock.truncate(0)
            COMMAND_LOCK.unlink(missing_ok=True)


def _record() -> Path:
    return STATE / "holder.json"
