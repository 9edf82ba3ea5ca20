"""A real KEDA on the cluster for as long as a block runs: its own manifests, its own images, nothing left behind.

The manifests are those of the Go module that the binaries are built from. On a cluster that pulls images, they are the
ones that KEDA's makers publish.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import yaml

from devcluster import images
from devcluster.gotools import module_directory, module_version, tool
from devcluster.node import ctr
from devcluster.oci import Image, layer_of_program
from tests.e2e.kubernetes import Kubernetes

MODULE = "github.com/kedacore/keda/v2"
NAMESPACE = "keda"
API_SERVICE = "v1beta1.external.metrics.k8s.io"
CERTIFICATES = "kedaorg-certs"
OPERATOR, ADAPTER = "keda-operator", "keda-metrics-apiserver"
REPOSITORIES = {OPERATOR: "ghcr.io/kedacore/keda", ADAPTER: "ghcr.io/kedacore/keda-metrics-apiserver"}
PROGRAMS = {OPERATOR: ("keda-operator", "keda"), ADAPTER: ("keda-adapter", "keda-adapter")}
"""Tool and its name in the image, by Deployment."""
REQUESTS = {"cpu": "10m", "memory": "50Mi"}
"""Two cores carry everything here: what KEDA reserves must not keep anybody's pods from being placed."""

Object = dict[str, Any]


@contextmanager
def installed(kubernetes: Kubernetes) -> Iterator[None]:
    """KEDA, ready to scale. Builds its programs if the cache has none, which takes many minutes. Raises StepFailed."""
    names = {deployment: f"{REPOSITORIES[deployment]}:{_version()}" for deployment in PROGRAMS}
    if kubernetes.embedded:
        images.import_images([_image(names[deployment], *PROGRAMS[deployment]) for deployment in PROGRAMS])
    objects = _objects(kubernetes, names)
    adapter = [one for one in objects if (one["kind"], one["metadata"]["name"]) == ("Deployment", ADAPTER)]
    try:
        _apply(kubernetes, [one for one in objects if one not in adapter])
        # the adapter reads its certificates once, when it starts: they have to be there
        kubernetes.eventually(lambda: _has_certificates(kubernetes), within=120, what="KEDA's certificates")
        _apply(kubernetes, adapter)
        for deployment in PROGRAMS:
            wait = ("rollout", "status", f"deployment/{deployment}", "--timeout=180s")
            kubernetes.run("-n", NAMESPACE, *wait, timeout=200)
        available = ("wait", f"apiservice/{API_SERVICE}", "--for=condition=Available", "--timeout=120s")
        kubernetes.run(*available, timeout=140)
        yield
    finally:
        _remove(kubernetes, objects, list(names.values()))


@contextmanager
def scaled_object(kubernetes: Kubernetes, namespace: str, name: str, spec: Object) -> Iterator[None]:
    """A ScaledObject and the HorizontalPodAutoscaler that KEDA makes of it, while the block runs."""
    manifest = {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }
    _apply(kubernetes, [manifest])
    try:
        yield
    finally:
        kubernetes.run("-n", namespace, "delete", "scaledobject", name, "--timeout=60s")
        kubernetes.run("-n", namespace, "wait", f"hpa/{hpa_of(name)}", "--for=delete", "--timeout=60s")


def hpa_of(name: str) -> str:
    """What KEDA calls the HorizontalPodAutoscaler of a ScaledObject."""
    return f"keda-hpa-{name}"


def _version() -> str:
    return module_version("keda", MODULE).removeprefix("v")


def _image(name: str, program: str, place: str) -> Image:
    configuration: dict[str, object] = {"Entrypoint": [f"/{place}"], "User": "65532:65532", "WorkingDir": "/"}
    return Image((name,), (layer_of_program(tool(program), place=place),), configuration)


def _objects(kubernetes: Kubernetes, names: dict[str, str]) -> list[Object]:
    """KEDA without its webhooks, as its makers would install it, but for images and what it reserves."""
    rendered = kubernetes.run("kustomize", module_directory("keda", MODULE) / "config" / "minimal")
    objects: list[Object] = [one for one in yaml.load_all(rendered, Loader=yaml.CSafeLoader) if one]
    for one in objects:
        if one["kind"] == "Deployment":
            container = one["spec"]["template"]["spec"]["containers"][0]
            container["image"] = names[one["metadata"]["name"]]
            container["imagePullPolicy"] = "IfNotPresent"
            container["resources"] = {"requests": REQUESTS}
            if one["metadata"]["name"] == OPERATOR:
                container["args"].append("--enable-webhook-patching=false")
    return objects


def _apply(kubernetes: Kubernetes, objects: list[Object]) -> None:
    options = ("--server-side", "--field-manager=tests")
    kubernetes.run("apply", *options, "-f", "-", text=yaml.dump_all(objects, Dumper=yaml.CSafeDumper))


def _has_certificates(kubernetes: Kubernetes) -> bool:
    shown = kubernetes.run("-n", NAMESPACE, "get", "secret", CERTIFICATES, "--ignore-not-found", "-o", "json")
    return bool(shown) and {"ca.crt", "tls.crt", "tls.key"} <= set(json.loads(shown).get("data", {}))


def _remove(kubernetes: Kubernetes, objects: list[Object], names: list[str]) -> None:
    """The API service first: while nobody answers for it, no namespace can be deleted."""
    first = sorted(objects, key=lambda one: one["kind"] != "APIService")
    text = yaml.dump_all(first, Dumper=yaml.CSafeDumper)
    kubernetes.run("delete", "--ignore-not-found", "--timeout=120s", "-f", "-", text=text, timeout=180)
    if kubernetes.embedded:
        ctr("images", "rm", *names)
