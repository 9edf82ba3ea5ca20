"""Making, listing and revoking API keys, and who a presented key is."""

from datetime import timedelta

from ip2a.api_keys import repository
from ip2a.api_keys.schemas import ApiKeyItem, ApiKeyOrder, NewApiKey
from ip2a.reads import user_subject
from ip2a.runtime import Runtime
from ip2a.security.api_keys import digest_of, hint_of, new_key
from ip2a.security.permissions import permits
from ip2a.web.dependencies import Caller
from ip2a.web.keyset import Page, encode, page_of, read_before
from ip2a.web.problems import Problem


async def page(runtime: Runtime, caller: Caller, *, before: str | None, limit: int) -> Page[ApiKeyItem]:
    """Keys, the newest first."""
    async with caller.transaction(runtime.databases) as connection:
        rows = await repository.page(connection, before=read_before(before), limit=limit + 1)
    return page_of(ApiKeyItem, rows, limit, lambda item: encode("", item.id))


async def create(runtime: Runtime, caller: Caller, order: ApiKeyOrder) -> NewApiKey:
    """A key for an account.

    Raises Problem 404 (no such active account), 422 (a scope the account's roles do not grant).
    """
    now = runtime.now()
    key = new_key(order.user_id)
    async with caller.transaction(runtime.databases) as connection:
        roles = await repository.roles_of(connection, order.user_id, now)
        if roles is None:
            raise Problem(404, "no-such-account", "There is no active account with this `user_id`.")
        excessive = [scope for scope in order.scopes if not permits(roles, scope)]
        if excessive:
            raise Problem(
                422, "scope-not-granted", f"`scopes`: the account's roles do not grant {', '.join(excessive)}."
            )
        values = {
            "user_id": order.user_id,
            "name": order.name,
            "hint": hint_of(key),
            "key_hash": digest_of(key),
            "scopes": sorted(set(order.scopes)),
            "now": now,
            "expires_at": now + timedelta(days=order.days_valid),
        }
        row = await repository.find(connection, await repository.insert(connection, values))
    return NewApiKey.model_validate({**(row or {}), "key": key})


async def revoke(runtime: Runtime, caller: Caller, key_id: int) -> None:
    """End a key; the next request with it is refused.

    Raises Problem 404 when there is no such open key.
    """
    async with runtime.writer.transaction(caller.identity, []) as writing:
        user_id = await repository.revoke(writing.connection, key_id, runtime.now())
        if user_id is None:
            raise Problem(404, "no-such-key", "There is no such key that is still open.")
        writing.subjects.append(user_subject(user_id))
    caller.wrote(writing.lsn)
