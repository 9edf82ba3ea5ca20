"""docs/autoscaler.md says what the code does: the trigger table is its own, the examples are real sentences.

`python -m tests.unit.operator.autoscaling.test_docs` writes the table anew.
"""

import re
from pathlib import Path

import pytest

from ip2a_operator.domain.autoscaling import triggers
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


if __name__ == "__main__":
    DOCUMENT.write_text(BLOCK.sub(lambda found: found.group(1) + table() + found.group(3), DOCUMENT.read_text()))
