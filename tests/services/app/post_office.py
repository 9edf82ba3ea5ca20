"""A worker's tools in this process, as its own database role, and a real SMTP server that keeps what it gets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from devcluster.services import PgBouncer
from devcluster.services.process import HOST, free_port
from ip2a.database.engines import create_databases
from ip2a.settings import load_settings
from ip2a.worker.work import Tools


class Mailbox:
    """What arrived. `answers` are given to the next mails instead of taking them; `slow` holds each for so long."""

    def __init__(self) -> None:
        self.mails: list[tuple[str, bytes]] = []
        self.answers: list[str] = []
        self.slow = 0.0
        self.begun = 0

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """aiosmtpd's hook."""
        self.begun += 1
        if self.answers:
            return self.answers.pop(0)
        await asyncio.sleep(self.slow)
        assert isinstance(envelope.content, bytes)
        self.mails.append((envelope.rcpt_tos[0], envelope.content))
        return "250 kept"


@pytest.fixture
def smtp() -> Iterator[tuple[Mailbox, int]]:
    """A mailbox and the port of its server."""
    mailbox = Mailbox()
    controller = Controller(mailbox, hostname=HOST, port=free_port())
    controller.start()
    yield mailbox, controller.port
    controller.stop()


@pytest.fixture
def worker_environment(
    app_environment: dict[str, str], pgbouncer_rw: PgBouncer, smtp: tuple[Mailbox, int], monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """The variables of a worker's process, set for this one."""
    variables = {
        **app_environment,
        "IP2A_DB_USER": "ip2a_worker",
        "IP2A_DB_PASSWORD": pgbouncer_rw.login.credentials.password("ip2a_worker"),
        "IP2A_SMTP_HOST": HOST,
        "IP2A_SMTP_PORT": str(smtp[1]),
        "IP2A_SMTP_SENDER": "IP2A <no-reply@local46.example>",
        "IP2A_SMTP_TLS": "none",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return variables


@pytest.fixture
async def tools(worker_environment: dict[str, str]) -> AsyncIterator[Tools]:
    """What handlers get."""
    settings = load_settings()
    databases = create_databases(settings)
    yield Tools(settings, databases, lambda: datetime.now(UTC))
    await databases.close()
