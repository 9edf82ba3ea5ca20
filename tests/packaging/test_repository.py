"""Rules about the files of this repository that no linter knows."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("operator/src", "app/src", "devcluster/src", "bench", "charts")
MODULE_LINES = 400
FUNCTION_LINES = 60
TABLE_STATEMENTS = 25
VAGUE_NAMES = {"utils.py", "util.py", "common.py", "helpers.py", "misc.py", "manager.py"}

HOSTS = r"pythonhosted\.org|pypi\.org|registry\.npmjs\.org|(proxy|sum)\.golang\.org|deb\.debian\.org"
MIRRORS = r"https?://(proxy|sum|files|registry|static|index|deb|repo1?|ftp)\.[a-z]"
MACHINE_PATHS = r"(^|[^a-zA-Z0-9_.-])/(work|root|farm)/[a-z.]"
FORBIDDEN = re.compile(f"{HOSTS}|{MIRRORS}|{MACHINE_PATHS}")


def tracked() -> list[Path]:
    """Files that are, or would be, committed."""
    run = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    return [ROOT / name for name in run.stdout.splitlines() if (ROOT / name).is_file()]


def modules() -> list[Path]:
    return [
        path for path in tracked() if path.suffix == ".py" and path.relative_to(ROOT).as_posix().startswith(SOURCES)
    ]


def lines(path: Path) -> Iterator[tuple[int, str]]:
    try:
        yield from enumerate(path.read_text().splitlines(), start=1)
    except UnicodeDecodeError:
        return


def where(path: Path, line: int) -> str:
    return f"{path.relative_to(ROOT)}:{line}"


@pytest.mark.parametrize(
    "text",
    [
        "see https://" + "proxy.example",
        "https:" + "//files.example",
        "cd /" + "work/main",
        "'/" + "root/.cache'",
    ],
)
def test_the_pattern_finds_what_it_forbids(text: str) -> None:
    assert FORBIDDEN.search(text)


@pytest.mark.parametrize(
    "text", ["https://prometheus.io", "./framework/app", "network/main", "/app/src", "$HOME/work/x"]
)
def test_the_pattern_leaves_the_rest_alone(text: str) -> None:
    assert not FORBIDDEN.search(text)


def test_no_file_names_a_package_host_or_a_path_of_one_machine() -> None:
    found = [
        f"{where(path, number)}: {line.strip()[:120]}"
        for path in tracked()
        for number, line in lines(path)
        if FORBIDDEN.search(line)
    ]
    assert not found, "\n".join(found)


def test_the_operator_directory_is_no_package() -> None:
    """It would shadow the standard library's module `operator`."""
    assert not (ROOT / "operator" / "__init__.py").exists()


def test_no_module_is_named_after_nothing() -> None:
    assert not [str(path.relative_to(ROOT)) for path in tracked() if path.name in VAGUE_NAMES]


def test_modules_and_functions_stay_small() -> None:
    """Exempt: migrations (never edited again), tables of data (a statement or two, however long), and functions that
    say why they are one piece where ruff is silenced (`noqa: … PLR0915`)."""
    found = []
    for path in modules():
        if "migrations" in path.parts:
            continue
        text = path.read_text()
        if (size := len(text.splitlines())) > MODULE_LINES:
            found.append(f"{where(path, 1)}: {size} lines, at most {MODULE_LINES}")
        found += [
            f"{where(path, node.lineno)}: {node.name} has {size} lines, at most {FUNCTION_LINES}"
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            and sum(isinstance(part, ast.stmt) for part in ast.walk(node)) > TABLE_STATEMENTS
            and "PLR0915" not in text.splitlines()[node.lineno - 1]
            and (size := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES
        ]
    assert not found, "\n".join(found)


def test_every_link_in_a_document_leads_somewhere() -> None:
    """Relative links only: others need a network."""
    found = []
    for path in tracked():
        if path.suffix != ".md":
            continue
        for number, line in lines(path):
            for target in re.findall(r"\]\(([^)\s]+)\)", line):
                if re.match(r"[a-z]+:|#", target):
                    continue
                if not (path.parent / target.split("#")[0]).exists():
                    found.append(f"{where(path, number)}: {target}")
    assert not found, "\n".join(found)


def test_requirements_are_pinned_hashed_and_without_addresses() -> None:
    for path in sorted((ROOT / "requirements").glob("*.txt")):
        text = path.read_text()
        assert "://" not in text, path.name
        requirements = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
        assert requirements, path.name
        for line in requirements:
            assert "==" in line, f"{path.name}: {line}"
        assert text.count("--hash=sha256:") >= len(requirements), path.name
