"""Taking dispatches back before the job began: the employer's doing, which costs the member nothing."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from ip2a.bids import repository as bids
from ip2a.dispatches import repository
from ip2a.referrals import repository as registrations
from ip2a.referrals.models import RegistrationAction

REASON = "withdrawn"
"""What the history of a place says of why it was given back."""


async def withdraw(connection: AsyncConnection, ids: Sequence[int], now: datetime) -> int:
    """Take back the dispatches whose member did not check in, and give the places back; returns how many those were."""
    if not ids:
        return 0
    taken_back = await repository.withdraw(connection, ids)
    won = [row["bid_id"] for row in taken_back if row["bid_id"] is not None]
    if won:
        await bids.release(connection, won)
    places = [row["registration_id"] for row in taken_back]
    restored = await repository.restore(connection, places, counts=False, now=now)
    await registrations.add_activities(connection, restored, RegistrationAction.RESTORE, REASON)
    return len(taken_back)


async def withdraw_of_request(connection: AsyncConnection, request_id: int, now: datetime) -> int:
    """Take back every dispatch of the request whose member did not check in; returns how many there were."""
    return await withdraw(connection, await repository.awaited_of_request(connection, request_id), now)
