"""A real API server with CloudNativePG's and our CRDs, one for all tests here; a namespace and an operator
for each."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest
import yaml

from devcluster.control_plane import ControlPlane, control_plane
from devcluster.gotools import module_directory
from ip2a_operator.api.kinds import OWNED, RESOURCE
from ip2a_operator.api.schema import custom_resource_definition
from tests.control_plane.operator.controllers import HealthWriter
from tests.control_plane.operator.kube import Kube, eventually
from tests.control_plane.operator.process import OperatorProcess

CNPG = "github.com/cloudnative-pg/cloudnative-pg"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


@pytest.fixture(scope="session")
def plane() -> Iterator[ControlPlane]:
    with control_plane() as running:
        yield running


@pytest.fixture(scope="session")
def kube(plane: ControlPlane) -> Iterator[Kube]:
    client = Kube(plane.kubeconfig)
    release = module_directory("cluster", CNPG) / "releases" / "cnpg-1.30.0.yaml"
    documents = yaml.load_all(release.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    definitions = [item for item in documents if item and item["kind"] == "CustomResourceDefinition"]
    for definition in [*definitions, custom_resource_definition()]:
        response = client.request("POST", CRDS, json=definition)
        assert response.status_code == 201, response.text
    for kind in (RESOURCE, *(kind for kind in OWNED if not kind.is_builtin and not kind.optional)):
        eventually(f"{kind.plural} served", partial(_is_served, client, kind.everywhere))
    yield client
    client.http.close()


def _is_served(client: Kube, path: str) -> bool:
    return client.request("GET", path).status_code == 200


@pytest.fixture
def namespace(kube: Kube) -> Iterator[str]:
    with kube.namespace(f"test-{uuid4().hex[:8]}") as name:
        yield name


@pytest.fixture
def health(kube: Kube, namespace: str) -> Iterator[HealthWriter]:
    with HealthWriter(kube, namespace) as writer:
        yield writer


@pytest.fixture
def operator(plane: ControlPlane, namespace: str, tmp_path: Path) -> Iterator[OperatorProcess]:
    with OperatorProcess(plane.kubeconfig, namespace, tmp_path / "operator.log") as process:
        yield process
        assert "Traceback" not in process.log(), process.log()[-4000:]
