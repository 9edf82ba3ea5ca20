"""Capacity and ledger: the documented numbers, monotony, and that a derived size always fits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ip2a_operator.api.v1alpha1 import IP2ASpec
from ip2a_operator.domain.capacity import mebibytes, sizes
from ip2a_operator.domain.ledger import ledger


def spec(**fields: object) -> IP2ASpec:
    return IP2ASpec.model_validate({"users": 100, **fields})


@pytest.mark.parametrize(
    ("users", "app", "instances"),
    [(1, 2, 2), (100, 2, 2), (1999, 3, 2), (2000, 3, 3), (9999, 14, 3), (10_000, 14, 4), (100_000, 134, 4)],
)
def test_documented_sizes(users: int, app: int, instances: int) -> None:
    made = sizes(spec(users=users))
    assert (made.app_replicas, made.instances) == (app, instances)


def test_smallest_resource_is_modest() -> None:
    made = sizes(spec())
    assert made.read is not None
    pods = made.write.pods + made.read.pods
    cores = made.app_replicas * made.app.cpu + made.instances * made.database.cpu + pods * made.pooler.cpu
    assert cores + made.cache.cpu < 700


@given(st.integers(1, 100_000))
def test_derived_sizes_always_fit_the_ledger(users: int) -> None:
    wanted = spec(users=users)
    account = ledger(wanted, sizes(wanted))
    assert account.fits, account.arithmetic


@given(st.integers(1, 99_999))
def test_more_users_never_get_less(users: int) -> None:
    less, more = sizes(spec(users=users)), sizes(spec(users=users + 1))
    assert less.app_replicas <= more.app_replicas
    assert less.instances <= more.instances
    assert less.write.pods * less.write.size <= more.write.pods * more.write.size + 1
    assert less.database.memory <= more.database.memory


@given(st.integers(1, 20), st.integers(1, 500), st.integers(10, 2000))
def test_the_ledger_adds_up(pods: int, size: int, limit: int) -> None:
    wanted = spec(
        database={"instances": 1, "parameters": {"max_connections": str(limit)}},
        pooling={"write": {"pods": pods, "size": size, "reserve": 0, "maxClients": 20000}},
    )
    account = ledger(wanted, sizes(wanted)).server
    assert account.worst == 2 * pods * 2 * size + 2 + 17
    assert account.fits == (account.worst <= limit - 3)


def test_external_database_counts_clients_directly() -> None:
    external = {"host": "h", "secret": {"name": "s"}, "maxConnections": 30}
    wanted = spec(database={"external": external}, app={"poolSize": 5, "maxOverflow": 5})
    account = ledger(wanted, sizes(wanted))
    assert not account.fits
    assert "4 app pods (old and new) × 20" in account.arithmetic


@given(st.integers(100, 3000), st.integers(1, 4))
def test_derived_sizes_fit_what_an_external_database_grants(users: int, processes: int) -> None:
    external = {"host": "h", "secret": {"name": "s"}, "maxConnections": 200}
    wanted = spec(users=users, database={"external": external}, app={"processes": processes})
    account = ledger(wanted, sizes(wanted))
    assert account.fits or sizes(wanted).client_pool == 1, account.arithmetic


@pytest.mark.parametrize(
    ("quantity", "expected"), [("128Mi", 128), ("1Gi", 1024), ("1G", 954), ("1048576", 1), ("1Ki", 1)]
)
def test_mebibytes(quantity: str, expected: int) -> None:
    assert mebibytes(quantity) == expected


def test_auto_mode_leaves_room_for_what_the_autoscaler_may_do() -> None:
    calm, auto = spec(), spec(autoscaling={"mode": "Auto", "pool": {"max": 30}})
    assert ledger(calm, sizes(calm)).max_connections == 120, "as before: an upgrade of the operator restarts nothing"
    assert ledger(auto, sizes(auto)).max_connections == 280  # 2 poolers × 2 pods × 2 × (30 + 2) + 22, rounded up
    given_limit = spec(autoscaling={"mode": "Auto"}, database={"parameters": {"max_connections": "120"}})
    assert ledger(given_limit, sizes(given_limit)).fits, "the autoscaler keeps within an explicit limit by itself"
