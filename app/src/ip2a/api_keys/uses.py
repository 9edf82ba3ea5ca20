"""When keys were last used: noted in memory, written together now and then, and at the end."""

import asyncio
import logging
import random
from datetime import datetime

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from ip2a.api_keys import repository
from ip2a.database.identity import AUTHENTICATION, transaction

LOGGER = logging.getLogger(__name__)
INTERVAL = 30.0  # seconds between writes, jittered; a process that is killed forgets that much


class KeyUses:
    """One process's part; bounded by the number of keys there are."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._uses: dict[int, datetime] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin writing."""
        self._task = asyncio.create_task(self._write_now_and_then())

    def note(self, key_id: int, now: datetime) -> None:
        """A key was used."""
        self._uses[key_id] = now

    async def write(self) -> None:
        """Write what was noted since the last time; what cannot be written stays noted."""
        uses, self._uses = self._uses, {}
        if not uses:
            return
        try:
            async with transaction(self._engine, AUTHENTICATION) as connection:
                await repository.note_uses(connection, uses)
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            LOGGER.warning("uses of API keys not written yet (%s)", type(error).__name__)
            self._uses = {**uses, **self._uses}

    async def close(self) -> None:
        """Write the rest and stop."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self.write()

    async def _write_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL * random.uniform(0.75, 1.25))  # noqa: S311 (jitter)
            await self.write()
