"""A real API server with CloudNativePG's and our CRDs, one for all tests here; a namespace and an operator
for each."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from devcluster.control_plane import ControlPlane, control_plane
from tests.control_plane.operator.controllers import HealthWriter
from tests.control_plane.operator.definitions import install_definitions
from tests.control_plane.operator.kube import Kube
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
    install_definitions(client)
    yield client
    client.http.close()


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
