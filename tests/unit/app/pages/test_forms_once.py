"""Every form of somebody logged in carries the key under which it is done once."""

import re
from pathlib import Path

import pytest

from ip2a.pages.rendering import KEY_FIELD, STATIC, guards

TEMPLATES = STATIC.parent / "templates"
FORM = re.compile(r"<form\b[^>]*method=\"post\".*?</form>", re.DOTALL)
WITHOUT = {
    "base.html": "logging out ends what a key belongs to",
    "login.html": "nobody is logged in: keys belong to an account",
    "forgot.html": "nobody is logged in",
    "reset.html": "nobody is logged in; the link is used once",
    "verify.html": "nobody is logged in; the link is used once",
    "upload.html": "goes to the file store, to one key",
}


def forms(template: Path) -> list[str]:
    return FORM.findall(template.read_text())


@pytest.mark.parametrize(
    "name", sorted(str(path.relative_to(TEMPLATES)) for path in TEMPLATES.rglob("*.html") if forms(path))
)
def test_every_form_carries_a_key_or_says_why_not(name: str) -> None:
    for form in forms(TEMPLATES / name):
        assert ("{{ guards(csrf_token) }}" in form) is (name not in WITHOUT), form[:120]


def test_what_has_no_key_is_there() -> None:
    assert all(forms(TEMPLATES / name) for name in WITHOUT)


def test_a_key_is_fresh_each_time_and_what_is_hidden_is_escaped() -> None:
    first, second = guards('"><b>'), guards('"><b>')
    assert first != second
    key = re.search(rf'name="{KEY_FIELD}" value="([\w-]{{20,100}})"', first)
    assert key
    assert "<b>" not in first
