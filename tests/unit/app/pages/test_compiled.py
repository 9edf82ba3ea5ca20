"""Templates are compiled once, when the image is built."""

from pathlib import Path

import pytest
from jinja2 import DictLoader, Environment

from ip2a.pages.compiled import Compiled


def environment(folder: Path) -> Environment:
    pages = DictLoader({"page.html": "{{ 6 * 7 }}"})
    return Environment(loader=pages, bytecode_cache=Compiled(str(folder)), autoescape=True)


def test_what_was_compiled_before_is_not_compiled_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment(tmp_path).get_template("page.html")

    def compiled_again(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(Environment, "compile", compiled_again)
    assert environment(tmp_path).get_template("page.html").render() == "42"


def test_without_a_folder_nothing_is_written(tmp_path: Path) -> None:
    assert environment(tmp_path / "absent").get_template("page.html").render() == "42"
    assert not list(tmp_path.iterdir())
