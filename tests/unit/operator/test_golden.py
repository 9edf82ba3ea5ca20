"""Every object of every sample, byte for byte: what a change of a builder changes is seen in review.

UPDATE_GOLDEN=1 writes the files anew.
"""

import os
from pathlib import Path

import pytest
import yaml

from ip2a_operator.domain.builders.secrets import secrets
from ip2a_operator.domain.desired import desired
from ip2a_operator.domain.observed import Observed
from ip2a_operator.domain.plan import make_stack
from tests.unit.operator.worlds import SURROUNDINGS, resource_from, sample, sample_names

GOLDEN = Path(__file__).parent / "golden"


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: object) -> bool:
        return True


def rendered(name: str) -> str:
    stack = make_stack(resource_from(sample(name)), Observed(), SURROUNDINGS)
    documents = [secret.manifest for secret in secrets(stack)] + [item.manifest for item in desired(stack)]
    return yaml.dump_all(documents, Dumper=_Dumper, sort_keys=False, width=110, allow_unicode=True)


@pytest.mark.parametrize("name", sample_names())
def test_sample_renders_as_recorded(name: str) -> None:
    file = GOLDEN / f"{name}.yaml"
    text = rendered(name)
    if os.environ.get("UPDATE_GOLDEN"):
        file.write_text(text, encoding="utf-8")
    assert file.read_text(encoding="utf-8") == text
