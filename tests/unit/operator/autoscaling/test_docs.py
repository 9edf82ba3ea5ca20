"""docs/autoscaler.md says what the code does: the trigger table is its own, the examples are real sentences.

`python -m tests.unit.operator.autoscaling.test_docs` writes the table anew.
"""

import ast
import inspect
import re
from pathlib import Path

import pytest

from ip2a_operator.domain.autoscaling import messages, triggers, watch
from ip2a_operator.domain.autoscaling.diagnosis import Bottleneck
from ip2a_operator.domain.autoscaling.spec import ScalerSpec
from tests.unit.operator.autoscaling.test_diagnosis import TABLE
from tests.unit.operator.autoscaling.worlds import run, settled

DOCUMENT = Path(__file__).resolve().parents[4] / "docs" / "autoscaler.md"
BLOCK = re.compile(r"(<!-- triggers: [^\n]*\n)(.*?)(<!-- /triggers -->)", re.DOTALL)
SHOWN = [
    "no demand signal", "rolling update", "failover", "locks", "reads", "writes", "lag", "pool", "pods' own pools",
    "cold cache", "CPU", "unexplained",
]  # fmt: skip


def table() -> str:
    """The trigger table as Markdown."""
    lines = ["| the requirement says | leads to | what happens |", "|---|---|---|"]
    lines += [f"| {each.requirement} | {each.kind} | {each.effect} |" for each in triggers.table(ScalerSpec())]
    lines.append(f"| {triggers.PORTAL_LAUNCH[0]} | schedule | {triggers.PORTAL_LAUNCH[1]} |")
    return "\n".join(lines) + "\n"


def test_trigger_table_is_the_codes_own() -> None:
    found = BLOCK.search(DOCUMENT.read_text())
    assert found is not None
    assert found.group(2) == table()


@pytest.mark.parametrize("name", SHOWN)
def test_example_is_what_the_code_says(name: str) -> None:
    snapshot, _ = TABLE[name]
    text = DOCUMENT.read_text()
    for sentence in run(snapshot, settled()).diagnosis.evidence:
        assert f"> {sentence}" in text


@pytest.mark.parametrize("state", [each for each in Bottleneck if each is not Bottleneck.HEALTHY])
def test_every_bottleneck_has_its_example(state: Bottleneck) -> None:
    assert f"`{state}`" in DOCUMENT.read_text()


def reasons() -> set[str]:
    """Reasons of every event the core can make, from its source: its own, and those of announced conditions."""
    announced = {each.name for each in messages._ANNOUNCED}
    found = set()
    for module in (messages, watch):
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            if node.func.id == "Event" and isinstance(node.args[1], ast.Constant):
                found.add(str(node.args[1].value))
            kind = node.args[0] if node.args else None
            if node.func.id == "Condition" and isinstance(kind, ast.Attribute) and kind.attr in announced:
                constants = (each.value for each in ast.walk(node.args[2]) if isinstance(each, ast.Constant))
                found |= {value for value in constants if isinstance(value, str)}
    return found


def test_every_event_is_in_the_table() -> None:
    known = reasons()
    assert {"BottleneckChanged", "TriggerFired", "LaunchWithoutCache", "NoRival", "BudgetExceeded"} <= known
    document = DOCUMENT.read_text()
    assert {reason for reason in known if f"`{reason}`" not in document} == set()


if __name__ == "__main__":
    DOCUMENT.write_text(BLOCK.sub(lambda found: found.group(1) + table() + found.group(3), DOCUMENT.read_text()))
