"""docs/capability-levels.md claims nothing without a test: each proof is a file, with the tests that it names."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "capability-levels.md"
LINK = re.compile(r"\[[^\]]+\]\((\.\./[^)#]+)(?:#([A-Za-z0-9_,]+))?\)")
"""A file, and after `#` the names of tests in it."""


def claims(text: str) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Each row of the table: the claim and its links."""
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("|") and len(cells) == 3 and cells[0] not in {"level", "---"}:
            yield cells[1], LINK.findall(cells[2])


def broken(target: str, names: str) -> list[str]:
    """What a link names that is not there."""
    path = (DOCUMENT.parent / target).resolve()
    if not path.exists():
        return [target]
    if not names:
        return []
    tree = ast.parse(path.read_text())
    tests = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    return [f"{target}: {name}" for name in names.split(",") if name not in tests]


def test_every_claim_has_proofs_that_exist() -> None:
    found = list(claims(DOCUMENT.read_text()))
    assert len(found) >= 25
    assert [claim for claim, links in found if not links] == []
    assert [problem for _, links in found for link in links for problem in broken(*link)] == []


@pytest.mark.parametrize("link", [("../tests/nowhere.py", ""), ("../tests/packaging/test_claims.py", "test_no_such")])
def test_a_proof_that_is_not_there_is_found(link: tuple[str, str]) -> None:
    assert broken(*link)


def test_a_proof_that_is_there_is_found() -> None:
    assert broken("../tests/packaging/test_claims.py", "test_a_proof_that_is_there_is_found") == []
