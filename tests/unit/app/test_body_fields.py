"""Dates and amounts in bodies: what is no day, instant or whole number of cents is refused by its field's name."""

from __future__ import annotations

from datetime import date, datetime, time
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import pytest
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError

from ip2a.application import ROUTERS

Values = tuple[object, ...]
NO_DAY: Values = ("2026-02-30", "tomorrow", "", "27.11.2026", "0000-01-01", 86400, 86400.0, "86400", True, 0.5, [], {})
NO_INSTANT: Values = ("2026-02-30T08:00:00Z", "soon", "", "2026-11-27", 86400, "86400", True, [], {})
NO_TIME: Values = ("25:00", "8", "", 28800, True, [], {})
NO_CENTS: Values = (0.5, 1.0, "12", 10**12, -(10**12), True, "", [], {})


def kinds_of(annotation: object) -> set[object]:
    """The plain types that a field may hold."""
    if get_origin(annotation) is Annotated:
        return kinds_of(get_args(annotation)[0])
    if get_origin(annotation) in {Union, UnionType}:
        return set().union(*map(kinds_of, get_args(annotation)))
    return {annotation}


def bodies() -> list[type[BaseModel]]:
    """The models of all bodies."""
    routes = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
    fields = [field for route in routes for field in route.dependant.body_params]
    kinds = set().union(*(kinds_of(field.field_info.annotation) for field in fields))
    return sorted(
        (kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)),
        key=lambda kind: kind.__name__,
    )


def wrong_values(name: str, annotation: object) -> Values:
    kinds = kinds_of(annotation)
    if datetime in kinds:
        return NO_INSTANT
    if date in kinds:
        return NO_DAY
    if time in kinds:
        return NO_TIME
    return NO_CENTS if name.endswith("_cents") else ()


CASES = [
    (model, name, wrong_values(name, field.annotation))
    for model in bodies()
    for name, field in model.model_fields.items()
    if wrong_values(name, field.annotation)
]


def example_of(model: type[BaseModel]) -> dict[str, Any]:
    extra = model.model_config.get("json_schema_extra")
    assert isinstance(extra, dict), f"{model.__name__} has no example"
    examples = extra["examples"]
    assert isinstance(examples, list)
    assert isinstance(examples[0], dict)
    return dict(examples[0])


def test_there_are_dates_and_amounts() -> None:
    assert len(bodies()) > 40
    assert {name for _, name, _ in CASES} >= {"amount_cents", "effective_date", "start_date", "monthly_amount_cents"}


@pytest.mark.parametrize(("model", "name", "wrongs"), CASES, ids=lambda value: getattr(value, "__name__", None))
def test_what_is_none_is_refused_by_name(model: type[BaseModel], name: str, wrongs: Values) -> None:
    example = example_of(model)
    model.model_validate_json(model.model_validate(example).model_dump_json())
    for wrong in wrongs:
        with pytest.raises(ValidationError) as refused:
            model.model_validate({**example, name: wrong})
        assert {item["loc"][0] for item in refused.value.errors()} == {name}, wrong
