"""What is shipped of others: exactly what was published, with its licence; and nothing that our policy would block."""

import hashlib
import re

from ip2a.pages.rendering import HTMX as CONFIGURED
from ip2a.pages.rendering import STATIC

HTMX = ("2.0.11", "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717")
"""Version and SHA-256 of dist/htmx.min.js in the npm package htmx.org."""


def test_htmx_is_the_published_one() -> None:
    version, digest = HTMX
    script = (STATIC / "vendor" / "htmx.min.js").read_bytes()
    assert hashlib.sha256(script).hexdigest() == digest
    assert f'version:"{version}"' in script.decode()


def test_its_licence_is_beside_it() -> None:
    assert (STATIC / "vendor" / "htmx.LICENSE").read_text().startswith("Zero-Clause BSD")


def test_no_template_has_inline_style_or_script_and_htmx_adds_none() -> None:
    wrong = re.compile(r"""\sstyle=|\son[a-z]+=["']|<script(?! src="\{\{)|javascript:""")
    templates = sorted((STATIC.parent / "templates").glob("*.html"))
    assert len(templates) > 30
    assert [page.name for page in templates if wrong.search(page.read_text())] == []
    assert wrong.search('<p style="x">')
    assert CONFIGURED["includeIndicatorStyles"] is CONFIGURED["allowEval"] is CONFIGURED["allowScriptTags"] is False
