"""Reading organizations on behalf of somebody."""

from ip2a.database.engines import Databases
from ip2a.database.identity import Identity, transaction
from ip2a.organizations import repository
from ip2a.organizations.schemas import OrganizationItem, OrganizationPage


async def organizations(databases: Databases, identity: Identity, *, after: int | None, limit: int) -> OrganizationPage:
    """One page of organizations by name."""
    async with transaction(databases.write, identity) as connection:
        rows = await repository.page(connection, after=after, limit=limit + 1)
    items = [OrganizationItem.model_validate(dict(row)) for row in rows[:limit]]
    return OrganizationPage(items=items, next=items[-1].id if len(rows) > limit else None)
