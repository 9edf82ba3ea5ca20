"""What every section of the resource shares: the model's rules and the scalar types with their schemas.

A type here carries both meanings at once: how pydantic validates it in the operator, and which structural
schema the API server enforces. The two must say the same.
"""

from typing import Annotated, Final, NamedTuple

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel

QUANTITY_PATTERN: Final = r"^[0-9]+(\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi|T|Ti)?$"
DURATION_PATTERN: Final = r"^([0-9]+(s|m|h|d|w))$"
DNS_LABEL_PATTERN: Final = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
DNS_NAME_PATTERN: Final = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
CIDR_PATTERN: Final = r"^[0-9a-fA-F:.]+/[0-9]{1,3}$"


class Rule(NamedTuple):
    """A CEL rule of the CRD: what must hold, and the message that names the field and the remedy."""

    rule: str
    message: str


class Section(BaseModel):
    """Base of every part of the spec: frozen, camelCase on the wire, unknown fields refused."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True, extra="forbid")


def cel(*rules: Rule) -> ConfigDict:
    """Model configuration that puts these CEL rules on the model's object in the CRD."""
    return ConfigDict(json_schema_extra={"x-kubernetes-validations": [rule._asdict() for rule in rules]})


def _quantity_text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Quantity = Annotated[
    str,
    BeforeValidator(_quantity_text),
    StringConstraints(pattern=QUANTITY_PATTERN, max_length=20),
    WithJsonSchema(
        {
            "x-kubernetes-int-or-string": True,
            "anyOf": [{"type": "integer"}, {"type": "string"}],
            "pattern": QUANTITY_PATTERN,
            "maxLength": 20,
        }
    ),
]
"""An amount as Kubernetes writes it: `250m`, `1`, `512Mi`."""

StorageQuantity = Annotated[str, StringConstraints(pattern=QUANTITY_PATTERN, max_length=20)]
"""An amount of storage, always a string so that CEL can compare it."""

DnsLabel = Annotated[str, StringConstraints(pattern=DNS_LABEL_PATTERN, min_length=1, max_length=63)]
DnsName = Annotated[str, StringConstraints(pattern=DNS_NAME_PATTERN, min_length=1, max_length=253)]
Port = Annotated[int, Field(ge=1, le=65535)]
Text = Annotated[str, StringConstraints(max_length=1024)]
Duration = Annotated[str, StringConstraints(pattern=DURATION_PATTERN, max_length=10)]
Cidr = Annotated[str, StringConstraints(pattern=CIDR_PATTERN, max_length=50)]
EnvName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=128)]

KubernetesObject = Annotated[
    dict[str, JsonValue],
    WithJsonSchema({"type": "object", "x-kubernetes-preserve-unknown-fields": True}),
]
"""A piece of a Kubernetes API passed through as it is; the API server checks it when it is applied."""


class SecretRef(Section):
    """A Secret of the same namespace."""

    name: DnsName = Field(description="Name of the Secret.")


class SecretKeyRef(Section):
    """One key of a Secret of the same namespace."""

    name: DnsName = Field(description="Name of the Secret.")
    key: Annotated[str, StringConstraints(pattern=r"^[-._a-zA-Z0-9]+$", max_length=253)] = Field(
        description="Key in the Secret."
    )
