"""Comparison of wanted and live: what counts as a change and what does not."""

from typing import Any

import pytest

from ip2a_operator.domain.drift import covers, fingerprint, needs_apply, stamp

MANIFEST: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "a", "labels": {"x": "1"}},
    "spec": {"replicas": 2, "containers": [{"name": "app", "image": "i", "args": ["a", "b"]}]},
}


@pytest.mark.parametrize(
    ("wanted", "live", "same"),
    [
        ({"a": 1}, {"a": 1, "b": 2}, True),
        ({"a": 1}, {"a": 2}, False),
        ({"a": {"b": 1}}, {"a": {}}, False),
        ({"a": {}}, {}, True),
        ({"a": ""}, {}, True),
        ({"a": []}, {}, True),
        ({"a": False}, {}, False),
        ({"a": ["x", "y"]}, {"a": ["x", "y"]}, True),
        ({"a": ["x", "y"]}, {"a": ["y", "x"]}, False),
        ({"a": ["x"]}, {"a": ["x", "y"]}, False),
        ({"a": [{"name": "n", "v": 1}]}, {"a": [{"name": "m"}, {"name": "n", "v": 1, "w": 2}]}, True),
        ({"a": [{"name": "n", "v": 1}]}, {"a": [{"name": "m", "v": 1}]}, False),
        ({"a": [{"x": {"y": 1}}]}, {"a": [{"x": {"y": 1}}, {"x": {"y": 2}}]}, False),
    ],
)
def test_covers(wanted: Any, live: Any, same: bool) -> None:
    assert covers(wanted, live) is same


def test_apply_is_needed_when_the_intent_changed_even_if_the_fields_agree() -> None:
    before, after = stamp({**MANIFEST, "removed": 1}), stamp(MANIFEST)
    assert needs_apply(after, before, None)
    assert not needs_apply(after, after, None)


def test_accepted_divergence_is_not_drift_until_it_changes() -> None:
    stamped = dict(stamp(MANIFEST))
    spec = {**MANIFEST["spec"], "replicas": 3}
    live = {**stamped, "spec": spec}
    accepted = fingerprint(stamped, live)
    assert needs_apply(stamped, live, None)
    assert not needs_apply(stamped, live, accepted)
    spec["replicas"] = 4
    assert needs_apply(stamped, live, accepted)


def test_equal_intents_have_equal_stamps() -> None:
    assert stamp(MANIFEST) == stamp(dict(reversed(MANIFEST.items())))
    assert stamp(MANIFEST) != stamp({**MANIFEST, "spec": {}})
