"""JSON for replays: exact both ways, and whatever cannot be read is named."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NewType

import pytest

from ip2a_operator.domain.autoscaling.codec import decode, encode

Colour = NewType("Colour", str)


@dataclass(frozen=True, slots=True)
class Part:
    name: str
    share: float = 0.0


@dataclass(frozen=True, slots=True)
class Whole:
    parts: tuple[Part, ...]
    pair: tuple[int, str] = (1, "a")
    last_note: str | None = "none"
    shares: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Odd:
    colour: Colour


def test_both_ways_and_whole_numbers_are_numbers() -> None:
    whole = Whole((Part("one", 1.0), Part("two")), (2, "b"), None, {"x": 0.1 + 0.2})
    document = encode(whole)
    assert document == {
        "parts": [{"name": "one", "share": 1.0}, {"name": "two"}],
        "pair": [2, "b"],
        "lastNote": None,
        "shares": {"x": 0.1 + 0.2},
    }
    assert decode(Whole, document) == whole
    read = decode(Whole, {"parts": [{"name": "one", "share": 1}]}).parts[0].share
    assert (read, type(read)) == (1.0, float)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ([], "Whole: expected a mapping, found list"),
        ({}, "Whole: .*missing 1 required positional argument: 'parts'"),
        ({"parts": 1}, "parts: expected a list, found int"),
        ({"parts": [3]}, r"parts\[0\]\.: expected a mapping, found int"),
        ({"parts": [], "pair": [1]}, "pair: expected 2 items, found 1"),
        ({"parts": [], "pair": [True, "a"]}, "pair: expected int, found True"),
        ({"parts": [], "shares": []}, "shares: expected a mapping, found list"),
        ({"parts": [], "colour": "red"}, "colour: unknown field; known are lastNote, pair, parts, shares"),
    ],
)
def test_what_cannot_be_read_is_named(document: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        decode(Whole, document)


def test_what_has_no_form_in_json_is_refused() -> None:
    with pytest.raises(TypeError, match="cannot encode object"):
        encode(object())
    with pytest.raises(ValueError, match="colour: cannot read a"):
        decode(Odd, {"colour": "red"})
