"""How deep JSON is nested, without parsing it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ip2a.edge.bodies import MAXIMUM_BODY, MAXIMUM_DEPTH, MAXIMUM_HEADERS, depth_of, field_with_nul, refusal_of_headers

NESTED = st.recursive(
    st.none() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=60
)


def real_depth(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max((real_depth(item) for item in value.values()), default=0)
    return 1 + max((real_depth(item) for item in value), default=0) if isinstance(value, list) else 0


@given(NESTED)
def test_never_misjudges_what_is_too_deep(value: object) -> None:
    body = json.dumps(value).encode()
    assert (depth_of(body) > MAXIMUM_DEPTH) == (real_depth(value) > MAXIMUM_DEPTH)


@pytest.mark.parametrize("extra", [0, 1])
def test_the_bound_is_exact(extra: int) -> None:
    levels = MAXIMUM_DEPTH + extra
    assert (depth_of(b"[" * levels + b"]" * levels) > MAXIMUM_DEPTH) == bool(extra)


def test_brackets_in_strings_do_not_count() -> None:
    assert depth_of(json.dumps({"a": '[{"' * 50}).encode()) <= 1


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([(b"content-length", b"%d" % MAXIMUM_BODY)], None),
        ([(b"content-length", b"%d" % (MAXIMUM_BODY + 1))], 413),
        ([(b"cookie", b"x" * MAXIMUM_HEADERS)], 431),
        ([(b"cookie", b"x" * (MAXIMUM_HEADERS - 6))], None),
    ],
)
def test_headers_are_bounded(headers: list[tuple[bytes, bytes]], status: int | None) -> None:
    refusal = refusal_of_headers(headers)
    assert (refusal.status if refusal else None) == status


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"name": "\\u0000"}', "name"),
        (b'{"a": [1, {"b": "x\\u0000"}]}', "a.1.b"),
        (b'"\\u0000"', ""),
        (b"{\x00", ""),
        (b"{}", ""),
    ],
)
def test_the_field_with_the_nul_is_named(body: bytes, field: str) -> None:
    assert field_with_nul(body) == field
