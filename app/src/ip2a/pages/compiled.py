"""Templates compiled when the image is built: parsing them all is a quarter of what starting a process costs.

`python -m ip2a.pages.compiled` writes them; `rendering` reads them. What is missing, old, or of another Python is
compiled at the start, as everything is in a checkout.
"""

import os
from pathlib import Path

from jinja2.bccache import Bucket, FileSystemBytecodeCache

FOLDER = Path(__file__).parent / "compiled_templates"


class Compiled(FileSystemBytecodeCache):
    """Compiled templates in a folder; nothing is written where there is no folder or it belongs to somebody else."""

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep a template."""
        if os.access(self.directory, os.W_OK):
            super().dump_bytecode(bucket)


def main() -> None:
    """Compile all templates, readable for everybody."""
    FOLDER.mkdir(exist_ok=True)
    from ip2a.pages import rendering  # noqa: PLC0415 (compiles them)

    for file in Path(rendering.COMPILED.directory).iterdir():
        file.chmod(0o644)


if __name__ == "__main__":
    main()
