"""One decision as one JSON line, from which `replay` comes to the same decision, bit for bit.

The line holds the complete input: snapshot, state before, specification and time.
"""

import json
from dataclasses import dataclass

from ip2a_operator.domain.autoscaling.codec import Json, decode, encode
from ip2a_operator.domain.autoscaling.decide import decide
from ip2a_operator.domain.autoscaling.decision import Decision
from ip2a_operator.domain.autoscaling.snapshot import Snapshot
from ip2a_operator.domain.autoscaling.spec import ScalerSpec
from ip2a_operator.domain.autoscaling.state import State

VERSION = 1


@dataclass(frozen=True, slots=True)
class Replayed:
    """A decision made again. `same` compares the complete output, next state included."""

    line: int
    decision: Decision
    same: bool


def dumps(value: Json) -> str:
    """Canonical JSON: sorted keys, no spaces, floats by repr, so that equal values are equal texts."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def line(resource: str, snapshot: Snapshot, state: State, spec: ScalerSpec, decision: Decision) -> str:
    """The log line of a decision; `resource` is namespace/name."""
    return dumps(
        {
            "v": VERSION,
            "resource": resource,
            "now": decision.at,
            "snapshot": encode(snapshot),
            "state": encode(state),
            "spec": encode(spec),
            "decision": encode(decision),
        }
    )


def replay(text: str, number: int = 1) -> Replayed:
    """Decide again from a log line.

    Raises:
        ValueError: the line is not one of ours; the message names the field.
    """
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"line {number}: not JSON: {error}") from error
    if not isinstance(document, dict) or document.get("v") != VERSION:
        raise ValueError(f"line {number}: not a decision of format {VERSION}")
    missing = {"now", "snapshot", "state", "spec", "decision"} - document.keys()
    if missing:
        raise ValueError(f"line {number}: lacks {', '.join(sorted(missing))}")
    snapshot = decode(Snapshot, document["snapshot"], "snapshot.")
    state = decode(State, document["state"], "state.")
    spec = decode(ScalerSpec, document["spec"], "spec.")
    decision = decide(snapshot, state, spec, document["now"])
    return Replayed(number, decision, dumps(encode(decision)) == dumps(document["decision"]))
