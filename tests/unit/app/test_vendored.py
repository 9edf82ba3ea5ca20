"""What is shipped of others: exactly what was published, with its licence."""

import hashlib

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
