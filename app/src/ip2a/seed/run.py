"""`ip2a-app seed`: made-up people and their history, the same for the same profile and day.

One transaction: all of a profile or nothing. A database that holds members with our numbers is left as it is.
"""

import asyncio
from datetime import datetime
from random import Random

import psycopg
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from ip2a.auth.models import RoleName
from ip2a.database.engines import connect_arguments, database_url
from ip2a.database.identity import SYSTEM
from ip2a.database.roles import APPLICATION_ROLE
from ip2a.referrals.rules import LOCAL_TIME
from ip2a.security.passwords import PasswordHasher
from ip2a.seed import core, records, referral, trail, training
from ip2a.seed.loading import Loader
from ip2a.seed.profiles import DEMO, PROFILES, Profile
from ip2a.settings import PREFIX, Settings

SEED = 46
LOCK = 0x1B2A_5EED
MINIMUM_PASSWORD = 8


class SeedError(Exception):
    """The data set cannot be made; the message says what to set."""


async def seed(settings: Settings, now: datetime, profile: str = DEMO.name) -> str:
    """Make the profile's data and return a summary. `now` decides what is the newest.

    Raises SeedError without a demo password, or when the profile needs the tables' owner and somebody else connects.
    """
    return await asyncio.to_thread(_seed, settings, now, PROFILES[profile])


def _seed(settings: Settings, now: datetime, profile: Profile) -> str:
    password = settings.demo_password.get_secret_value()
    if len(password) < MINIMUM_PASSWORD:
        raise SeedError(
            f"{PREFIX}DEMO_PASSWORD must be set, with {MINIMUM_PASSWORD} characters or more: all demo logins get it"
        )
    hasher = PasswordHasher()
    password_hash = hasher.hash_now(password)
    hasher.close()
    engine = create_engine(
        database_url(settings, settings.db_write_host),
        poolclass=NullPool,
        connect_args=connect_arguments(settings, "ip2a-seed"),
    )
    with engine.connect() as pooled:
        connection = pooled.connection.driver_connection
        assert isinstance(connection, psycopg.Connection)  # noqa: S101 (what the URL's driver is)
        with connection.transaction():
            made = _fill(connection, profile, password_hash, now)
        if made and profile.trail:
            connection.autocommit = True
            connection.execute("VACUUM (ANALYZE)")
    return _summary(profile)


def _summary(profile: Profile) -> str:
    return f"{profile.members} members, {profile.months} months of dues, {len(RoleName)} logins (ROLE@{core.DOMAIN})"


def _fill(connection: psycopg.Connection, profile: Profile, password_hash: str, now: datetime) -> bool:
    """Whether anything had to be made."""
    loader = Loader(connection)
    for name, value in {"statement_timeout": "0", "ip2a.resources": ",".join(SYSTEM.resources)}.items():
        loader.value("SELECT set_config(%s, %s, true)", name, value)
    loader.value("SELECT pg_advisory_xact_lock(%s)", LOCK)
    if loader.value("SELECT true FROM members WHERE member_number = %s", str(core.FIRST_NUMBER)):
        return False
    if profile.trail:
        _open(loader, profile)
    random = Random(SEED)  # noqa: S311 (made-up people need no secrecy, but repeatability)
    today = now.astimezone(LOCAL_TIME).date()
    people = core.fill(loader, random, profile, password_hash, today)
    referral.fill(loader, random, profile, people, now)
    training.fill(loader, random, profile, people, today)
    records.fill(loader, random, profile, people, today)
    if profile.trail:
        trail.fill(loader, random, people, profile.trail, now)
    loader.close()
    return True


def _open(loader: Loader, profile: Profile) -> None:
    try:
        loader.open()
    except psycopg.errors.InsufficientPrivilege:
        raise SeedError(
            f"the profile {profile.name} is loaded past triggers: set {PREFIX}DB_USER to the tables' owner, not to"
            f" {APPLICATION_ROLE}, and connect straight to the primary, as `ip2a-app migrate` does"
        ) from None
