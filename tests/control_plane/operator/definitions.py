"""The CRDs of CloudNativePG and ours, put into a control plane and waited for."""

from functools import partial

import yaml

from devcluster.gotools import module_directory
from ip2a_operator.api.kinds import OWNED, RESOURCE
from ip2a_operator.api.schema import custom_resource_definition
from tests.control_plane.operator.kube import Kube, eventually

CNPG = "github.com/cloudnative-pg/cloudnative-pg"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def install_definitions(kube: Kube) -> None:
    """Create them, and return once all are served."""
    release = module_directory("cluster", CNPG) / "releases" / "cnpg-1.30.0.yaml"
    documents = yaml.load_all(release.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    definitions = [item for item in documents if item and item["kind"] == "CustomResourceDefinition"]
    for definition in [*definitions, custom_resource_definition()]:
        response = kube.request("POST", CRDS, json=definition)
        assert response.status_code == 201, response.text
    for kind in (RESOURCE, *(kind for kind in OWNED if not kind.is_builtin and not kind.optional)):
        eventually(f"{kind.plural} served", partial(_is_served, kube, kind.everywhere))


def _is_served(kube: Kube, path: str) -> bool:
    return kube.request("GET", path).status_code == 200
