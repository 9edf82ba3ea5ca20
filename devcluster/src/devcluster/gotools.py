"""Go tools, built from our own committed module files.

A tool is named once, in `TOOLS`. Its binary is kept in the cache under the digest of everything that decides it
(module files, package, linker flags, Go version); Go's own build cache makes an interrupted build resume.
"""

from __future__ import annotations

import functools
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from devcluster import cache
from devcluster.errors import StepFailed, Unsupported
from devcluster.paths import CHECKOUT, cache_dir

MODULES = CHECKOUT / "devcluster" / "go"
MINIMUM_GO = (1, 26)
BUILD_TIMEOUT_SECONDS = 3600
K6_ENVIRONMENT = {"K6_NO_USAGE_REPORT": "true", "K6_AUTO_EXTENSION_RESOLUTION": "false"}
"""Without these k6 reports its use to its maker and fetches extensions: nothing may leave the machine."""


@dataclass(frozen=True)
class Tool:
    """`package` of the module in directory `module` below devcluster/go; `version_flags` are linker -X settings."""

    module: str
    package: str
    version_flags: tuple[str, ...] = ()


def _kubernetes(command: str) -> Tool:
    return Tool("cluster", f"k8s.io/kubernetes/cmd/{command}", _kubernetes_version_flags())


def _keda(command: str) -> Tool:
    keda = "github.com/kedacore/keda/v2"
    version = module_version("keda", keda).removeprefix("v")
    return Tool("keda", f"{keda}/cmd/{command}", (f"-X={keda}/version.Version={version}",))


@functools.cache
def _kubernetes_version_flags() -> tuple[str, ...]:
    """Without these the API server reports v0.0.0-master, and clients that check versions misbehave."""
    version = module_version("cluster", "k8s.io/kubernetes")
    minor = version.split(".")[1]
    values = {
        "gitVersion": version,
        "gitMajor": "1",
        "gitMinor": minor,
        "gitTreeState": "clean",
        "gitCommit": "none",
        "buildDate": "2026-01-01T00:00:00Z",
    }
    packages = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    return tuple(f"-X={package}.{name}={value}" for package in packages for name, value in values.items())


def module_version(module: str, path: str) -> str:
    """The version that `module`'s go.mod requires of module `path`, such as v1.36.3."""
    text = (MODULES / module / "go.mod").read_text()
    found = re.search(rf"^\s*(?:require\s+)?{re.escape(path)}\s+(v\S+)", text, re.MULTILINE)
    if found is None:
        raise KeyError(f"{path} is not required by devcluster/go/{module}/go.mod")
    return found.group(1)


@functools.cache
def tools() -> dict[str, Tool]:
    """Every tool by name. Those of modules `cluster` and `ingress` make the cluster; versitygw and mailpit serve the
    quickstart; the rest serve tests."""
    helm_version = module_version("cluster", "helm.sh/helm/v4")
    testing = {
        "k6": "go.k6.io/k6",
        "versitygw": "github.com/versity/versitygw/cmd/versitygw",
        "stripe-mock": "github.com/stripe/stripe-mock",
        "toxiproxy-server": "github.com/Shopify/toxiproxy/v2/cmd/server",
        "kubeconform": "github.com/yannh/kubeconform/cmd/kubeconform",
        "kube-score": "github.com/zegl/kube-score/cmd/kube-score",
        "actionlint": "github.com/rhysd/actionlint/cmd/actionlint",
    }
    return {
        "kube-apiserver": _kubernetes("kube-apiserver"),
        "kube-controller-manager": _kubernetes("kube-controller-manager"),
        "kube-scheduler": _kubernetes("kube-scheduler"),
        "kubelet": _kubernetes("kubelet"),
        "kube-proxy": _kubernetes("kube-proxy"),
        "kubectl": _kubernetes("kubectl"),
        "etcd": Tool("cluster", "go.etcd.io/etcd/server/v3"),
        "pause": Tool("cluster", "ip2a.dev/devcluster/cluster/pause"),
        "cnpg-manager": Tool("cluster", "github.com/cloudnative-pg/cloudnative-pg/cmd/manager"),
        "helm": Tool(
            "cluster",
            "helm.sh/helm/v4/cmd/helm",
            (f"-X=helm.sh/helm/v4/internal/version.version={helm_version}",),
        ),
        "coredns": Tool("cluster", "github.com/coredns/coredns"),
        "local-path-provisioner": Tool("cluster", "github.com/rancher/local-path-provisioner"),
        "metrics-server": Tool("cluster", "sigs.k8s.io/metrics-server/cmd/metrics-server"),
        "mailpit": Tool("mail", "ip2a.dev/devcluster/mail/mailpit"),
        "traefik": Tool("ingress", "github.com/traefik/traefik/v3/cmd/traefik"),
        **{name: Tool("testing", package) for name, package in testing.items()},
        **{f"keda-{name}": _keda(name) for name in ("operator", "adapter", "webhooks")},
    }


def tool(name: str) -> Path:
    """The executable `name`, built now if the cache has none.

    Raises Unsupported without a fit Go, StepFailed with the compiler's last lines.
    """
    return cache.entry("go-tool", _key(name), functools.partial(_build, name, tools()[name])) / name


def is_built(name: str) -> bool:
    """Whether the cache has it already."""
    return cache.has("go-tool", _key(name))


def module_directory(module: str, path: str) -> Path:
    """The unpacked sources of dependency `path` (manifests come from there). Raises StepFailed."""
    run = _go(["mod", "download", "-json", f"{path}@{module_version(module, path)}"], MODULES / module)
    found = re.search(r'"Dir": "([^"]+)"', run.stdout)
    if run.returncode or found is None:
        raise StepFailed(
            f"Go could not fetch the module {path}: {run.stderr or run.stdout}",
            "is the module proxy reachable?",
        )
    return Path(found.group(1))


@functools.cache
def go_version() -> str:
    """The version of the Go toolchain on PATH, such as go1.26.8. Raises Unsupported when missing or too old."""
    remedy = "install Go 1.26 or newer and put its bin directory on PATH"
    try:
        text = subprocess.run(
            ["go", "env", "GOVERSION"], capture_output=True, text=True, check=True, timeout=60
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError) as error:
        raise Unsupported("there is no Go toolchain on PATH", remedy) from error
    found = re.match(r"go(\d+)\.(\d+)", text)
    if found is None or (int(found[1]), int(found[2])) < MINIMUM_GO:
        raise Unsupported(f"Go is {text}, too old", remedy)
    return text


def _key(name: str) -> str:
    wanted = tools()[name]
    flags = "\0".join(wanted.version_flags)
    return f"{name}-{cache.digest(go_version(), wanted.package, flags, *_own_sources(wanted), *_module_files(wanted))}"


def _module_files(wanted: Tool) -> list[Path]:
    return [MODULES / wanted.module / name for name in ("go.mod", "go.sum")]


def _own_sources(wanted: Tool) -> list[Path]:
    """Packages that live in our module decide the binary too, with what they embed."""
    prefix = f"ip2a.dev/devcluster/{wanted.module}/"
    if not wanted.package.startswith(prefix):
        return []
    directory = MODULES / wanted.module / wanted.package.removeprefix(prefix)
    return sorted(file for file in directory.iterdir() if file.is_file())


def _build(name: str, wanted: Tool, into: Path) -> None:
    flags = " ".join(("-s", "-w", *wanted.version_flags))
    run = _go(
        ["build", "-mod=readonly", "-trimpath", "-ldflags", flags, "-o", str(into / name), wanted.package],
        MODULES / wanted.module,
    )
    if run.returncode == 0:
        return
    if "no space left on device" in run.stderr:
        raise cache.disk_full(into)
    log = cache_dir() / "log" / f"go-{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text(run.stdout + run.stderr)
    raise StepFailed(f"building {name} ({wanted.package}) failed", "read the log; a second run resumes", log)


def _go(arguments: list[str], directory: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false", "GOWORK": "off"}
    return subprocess.run(
        ["go", *arguments],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        timeout=BUILD_TIMEOUT_SECONDS,
        check=False,
    )
