"""Schemathesis over the whole OpenAPI document: every operation, every role, good and bad values.

Ids lead to rows that exist half of the time. Nothing may answer 5xx, and what is answered is what the document says.
That each operation succeeds at least once is the first test: its row of the matrix, checked against the document.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis import strategies as st
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation, BaseSchema

from ip2a.limits.rates import Rate
from ip2a.runtime import Runtime
from tests.services.app.concurrency.conftest import token_of
from tests.services.app.conftest import People
from tests.services.app.processes import Fleet, platform
from tests.services.app.referrals.conftest import at
from tests.services.app.test_route_matrix import (
    INSTEAD,
    OPEN,
    ROLES,
    ROWS,
    WITH_DRAFT,
    a_world_for,
    ask,
    prepared,
)
from tests.services.app.world import Somebody, make_world, this_evening

Operation = APIOperation[Any, Any, Any, Any]
Case = schemathesis.Case[Any]
QUICK = 6
LONG = 120
"""Examples an operation in `make test`, and in `make test-full`."""


@pytest.fixture(scope="module")
def fleet(app_environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with platform(app_environment, tmp_path_factory.mktemp("platform")) as fleet:
        yield fleet


@pytest.fixture(scope="module")
def schema(fleet: Fleet) -> BaseSchema:
    """The document, as the platform publishes it."""
    return schemathesis.openapi.from_url(f"{fleet.urls[0]}/api/v1/openapi.json")


def operations(schema: BaseSchema) -> dict[str, Operation]:
    """By method and path, as the matrix calls them."""
    found = [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]
    return {f"{operation.method.upper()} {operation.path}": operation for operation in found}


@pytest.fixture
async def somebody(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Somebody]:
    monkeypatch.setattr("ip2a.edge.context.rate_of", lambda _roles: Rate("member", 1_000_000, 1_000_000))
    somebody = Somebody(at(runtime, this_evening()))
    yield somebody
    await somebody.http.aclose()


async def test_every_operation_succeeds_as_the_document_says(
    runtime: Runtime, people: People, somebody: Somebody, schema: BaseSchema
) -> None:
    documented = operations(schema)
    assert sorted(documented) == sorted(row for row in [*ROWS, *OPEN] if " /api/" in row)
    wrong = []
    for row, operation in documented.items():
        if row in OPEN or row in INSTEAD:
            continue
        allowed = ROWS[row][0].split()
        world = await a_world_for(runtime, people, row)
        own = "member" in allowed and "/my/" in row and row not in WITH_DRAFT
        person = world.person if own else await prepared(runtime, people, next(r for r in ROLES if r in allowed), row)
        await somebody.become(person)
        answer = await ask(somebody.http, row, world.ids)
        if not answer.is_success:
            wrong.append(f"{row}: {answer.status_code} {answer.text[:200]}")
        elif answer.content:
            operation.validate_response(answer)
    assert not wrong, "\n".join(wrong)


async def tokens_of_all_roles(runtime: Runtime, people: People) -> list[str]:
    """One of each role, and nobody."""
    return ["", *[await token_of(runtime, await people.make(role)) for role in ROLES]]


async def test_nothing_breaks_the_platform(
    runtime: Runtime, people: People, fleet: Fleet, schema: BaseSchema, request: pytest.FixtureRequest
) -> None:
    await fuzz(runtime, people, fleet, schema, QUICK)


@pytest.mark.full
async def test_nothing_breaks_the_platform_for_long(
    runtime: Runtime, people: People, fleet: Fleet, schema: BaseSchema
) -> None:
    await fuzz(runtime, people, fleet, schema, LONG)


async def fuzz(runtime: Runtime, people: People, fleet: Fleet, schema: BaseSchema, examples: int) -> None:
    """This many requests to each operation, by whoever."""
    fleet.set_clock(this_evening())
    tokens = await tokens_of_all_roles(runtime, people)
    ids = (await make_world(runtime, people)).ids
    broken = []
    for name, operation in operations(schema).items():
        try:
            hammer(fleet.urls[0], operation, tokens, ids, examples)
        except Exception as error:  # all operations are tried before the test fails
            broken.append(f"{name}: {error}"[:1500])
    assert not broken, "\n".join(broken)
    assert "Traceback" not in fleet.said()


def hammer(url: str, operation: Operation, tokens: list[str], ids: dict[str, int], examples: int) -> None:
    """Requests to one operation."""
    for mode in (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE):

        @settings(
            max_examples=examples // 2,
            deadline=None,
            database=None,
            derandomize=True,
            verbosity=Verbosity.quiet,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode), token=st.sampled_from(tokens), real=st.booleans())
        def send(case: Case, token: str, real: bool) -> None:
            if real and case.path_parameters:
                case.path_parameters = {name: ids.get(name, value) for name, value in case.path_parameters.items()}
            headers = {"X-Forwarded-For": f"100.64.0.{random.randint(1, 250)}"}
            if token:
                headers["Authorization"] = f"Bearer {token}"
            answer = case.call(base_url=url, headers=headers)
            if answer.status_code == 503 and answer.json()["type"].endswith("-off"):
                return  # says that files or card payments are not set up here
            assert answer.status_code < 500, f"{case.as_curl_command()} {answer.text}"
            if answer.content:
                operation.validate_response(answer)

        try:
            send()
        except Exception as error:
            if "Unsatisfiable" in type(error).__name__ or "cannot be negated" in str(error).lower():
                continue
            raise
