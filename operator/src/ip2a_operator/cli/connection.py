"""How the command line reaches the API server: as kubectl does, with every request bounded in time."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from kubernetes.aio import config
from kubernetes.aio.client import ApiClient
from kubernetes.aio.config import kube_config

from ip2a_operator.adapters.kube import KubeCluster
from ip2a_operator.domain.tree import text
from ip2a_operator.errors import UnavailableError


class Silent:
    """Counts no requests."""

    def requested(self, verb: str, kind: str, code: int) -> None:
        """Nothing."""


SILENT: Final = Silent()


def default_namespace() -> str:
    """Where kubectl would look without -n: the namespace of the kubeconfig's context."""
    if not _kubeconfig_exists():
        return "default"
    try:
        _, active = config.list_kube_config_contexts()  # type: ignore[no-untyped-call]  # no annotations
    except (config.ConfigException, OSError):
        return "default"
    return text(active, "context", "namespace") or "default"


def _kubeconfig_exists() -> bool:
    """Whether any file is where it is looked for: the library warns of none in words of its own, and goes on."""
    named = str(kube_config.KUBE_CONFIG_DEFAULT_LOCATION).split(os.pathsep)
    return any(Path(path).expanduser().exists() for path in named if path)


@asynccontextmanager
async def connect() -> AsyncIterator[KubeCluster]:
    """The cluster of the pod's service account, or else of the kubeconfig. Raises UnavailableError without either."""
    try:
        config.load_incluster_config()  # type: ignore[no-untyped-call]  # no annotations
    except config.ConfigException:
        if not _kubeconfig_exists():
            looked = kube_config.KUBE_CONFIG_DEFAULT_LOCATION
            raise UnavailableError(f"no cluster to talk to: there is no file {looked}; set KUBECONFIG") from None
        try:
            await config.load_kube_config()  # type: ignore[no-untyped-call]  # no annotations
        except (config.ConfigException, OSError) as error:
            raise UnavailableError(f"no cluster to talk to: {error}; set KUBECONFIG") from error
    async with ApiClient() as client:
        yield KubeCluster(client, SILENT)
