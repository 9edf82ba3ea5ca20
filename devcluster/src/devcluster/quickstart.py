"""`make up`: a cluster, the operator by its own Helm chart, one IP2A resource, demo data, and what to try next.

Two paths to the same thing: the embedded cluster, or kind where Docker runs. They differ in how images get in.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from devcluster import cluster, dockerfiles, images
from devcluster.errors import StepFailed, Unsupported
from devcluster.gotools import tool
from devcluster.paths import CHECKOUT
from devcluster.progress import Progress

OPERATOR_NAMESPACE, NAMESPACE, RESOURCE = "ip2a-system", "ip2a", "local46"
RELEASE = "ip2a-operator"
CHART = CHECKOUT / "charts" / "ip2a-operator"
QUICKSTART = CHECKOUT / "manifests" / "quickstart"
ROLES = ("admin", "officer", "staff", "organizer", "instructor", "member", "applicant")
URL = "http://localhost:8080"
MAIL_URL, S3_URL = "http://mail.localhost:8080", "http://s3.localhost:8080"
"""Names below localhost are this machine, to browsers without asking anybody."""
KIND_NAME = "ip2a"
LOCAL_IMAGES = "imagePullPolicy=IfNotPresent"
"""No registry has what was built here; the chart's default would ask one."""
PROMETHEUS = "prometheusUrl=http://prometheus.monitoring.svc:9090"
"""The embedded cluster's own, which the autoscaler asks."""
READY_SECONDS = 420
SEED_SECONDS = 300


@dataclass(frozen=True)
class Target:
    """A cluster as seen through its command line tools."""

    kubeconfig: Path | None
    kubectl: str | Path
    helm: str | Path
    hint: str
    """What a person types to reach it."""

    def run(self, *arguments: str | Path, text: str | None = None, timeout: float = 120) -> str:
        """kubectl's output. Raises StepFailed."""
        return _run([self.kubectl, *arguments], self._environment(), text, timeout)

    def run_helm(self, *arguments: str | Path, timeout: float = 300) -> str:
        """helm's output. Raises StepFailed."""
        return _run([self.helm, *arguments], self._environment(), None, timeout)

    def _environment(self) -> dict[str, str]:
        return {**os.environ, **({"KUBECONFIG": str(self.kubeconfig)} if self.kubeconfig else {})}


def on_embedded(progress: Progress) -> str:
    """Everything on the embedded cluster; the closing message. Raises DevclusterError."""
    cluster.begin(progress)

    def build(name: str) -> dockerfiles.Built:
        with progress.step(f"image {name}"):
            return dockerfiles.build(name)

    with ThreadPoolExecutor(max_workers=2) as pool:
        built = dict(zip(dockerfiles.SOURCES, pool.map(build, dockerfiles.SOURCES), strict=True))
    with progress.step("load our images"):
        for one in built.values():
            images.import_file(one.archive, one.name)
    names = {name: one.name for name, one in built.items()}
    return _install(progress, embedded_target(), names, (LOCAL_IMAGES, "replicas=1", PROMETHEUS))


def embedded_target() -> Target:
    """The embedded cluster, through the tools that were built for it."""
    return Target(cluster.PLANE.kubeconfig, tool("kubectl"), tool("helm"), ".venv/bin/devcluster tool kubectl")


def plain_target() -> Target:
    """Whatever cluster the caller's own kubectl and helm reach."""
    return Target(None, "kubectl", "helm", "kubectl")


def on_kind(progress: Progress) -> str:
    """The same chart and resource on kind. Needs docker, kind, kubectl and helm on PATH. Raises DevclusterError."""
    for program in ("docker", "kind", "kubectl", "helm"):
        if shutil.which(program) is None:
            raise Unsupported(f"{program} is not on PATH", f"install {program}, or use the embedded cluster: make up")
    target = plain_target()
    existing = _run(["kind", "get", "clusters"], dict(os.environ)).split()
    with progress.step("kind cluster"):
        if KIND_NAME not in existing:
            configuration = CHECKOUT / "kind-config.yaml"
            _run(
                ["kind", "create", "cluster", "--name", KIND_NAME, "--config", configuration, "--wait=180s"],
                timeout=600,
            )
    names: dict[str, str] = {}
    for name, source in dockerfiles.SOURCES.items():
        with progress.step(f"image {name}"):
            names[name] = f"{source.repository}:dev-{int(time.time())}"
            _run(["docker", "build", "-f", CHECKOUT / source.dockerfile, "-t", names[name], CHECKOUT], timeout=1800)
            _run(["kind", "load", "docker-image", "--name", KIND_NAME, names[name]], timeout=600)
    with progress.step("addons"):
        target.run("apply", "--server-side", "-k", CHECKOUT / "manifests" / "kind", timeout=300)
        target.run("wait", "--for=condition=Available", "deployment", "--all", "-A", "--timeout=300s", timeout=320)
    return _install(progress, target, names, (LOCAL_IMAGES,))


def kind_is_up() -> bool:
    """Whether the kind cluster exists. Raises Unsupported without kind."""
    if shutil.which("kind") is None:
        raise Unsupported("kind is not on PATH", "install kind, or use the embedded cluster: make up")
    return KIND_NAME in _run(["kind", "get", "clusters"]).split()


def kind_down(progress: Progress) -> None:
    """Deletes the kind cluster."""
    with progress.step("down"):
        _run(["kind", "delete", "cluster", "--name", KIND_NAME], timeout=300)


def _install(progress: Progress, target: Target, names: dict[str, str], settings: Sequence[str]) -> str:
    with progress.step("operator"):
        values = [*settings, *(f"images.{name}={image}" for name, image in names.items())]
        target.run_helm(
            *("upgrade", "--install", RELEASE, CHART, "--namespace", OPERATOR_NAMESPACE, "--create-namespace"),
            *(part for value in values for part in ("--set", value)),
            *("--wait", "--timeout=150s"),
        )
    with progress.step("IP2A resource"):
        target.run("apply", "--server-side", "-f", "-", text=_manifest("resource.yaml"))
        password = _kept(target, f"{RESOURCE}-demo-logins", {"password": f"Demo-{secrets.token_urlsafe(9)}-46"})
        keys = {"access-key-id": secrets.token_hex(8), "secret-access-key": secrets.token_hex(24)}
        _kept(target, f"{RESOURCE}-s3", keys)
        target.run("apply", "--server-side", "-f", "-", text=_manifest("services.yaml"))
        _wait_for_ready(target, names["app"])
    with progress.step("demo data"):
        _seed(target, names["app"])
        target.run("-n", NAMESPACE, "rollout", "status", f"deployment/{RESOURCE}-mail", "--timeout=60s")
    return _closing_message(target, password["password"])


def _wait_for_ready(target: Target, app_image: str) -> None:
    """kubectl's wait, in short pieces, so that a failure shows what the resource says of itself."""
    generation = target.run("-n", NAMESPACE, "get", "ip2a", RESOURCE, "-o", "jsonpath={.metadata.generation}")
    image = "jsonpath={.spec.template.spec.containers[0].image}"
    get_image = ("-n", NAMESPACE, "get", "deployment", f"{RESOURCE}-app", "--ignore-not-found", "-o", image)
    # An upgraded operator brings a new image without a new generation: Ready may still be of the old one.
    _until(
        lambda: _observed(target) == generation and target.run(*get_image) in {app_image, ""},
        READY_SECONDS,
        f"the operator did not look at IP2A {RESOURCE}",
        f"`{target.hint} -n {OPERATOR_NAMESPACE} logs deploy/{RELEASE}` tells why",
    )
    try:
        wait = ("wait", f"ip2a/{RESOURCE}", "--for=condition=Ready", f"--timeout={READY_SECONDS}s")
        target.run("-n", NAMESPACE, *wait, timeout=READY_SECONDS + 20)
    except StepFailed as error:
        shown = target.run("-n", NAMESPACE, "get", "ip2a", RESOURCE, "-o", "jsonpath={.status.conditions}")
        pods = target.run("-n", NAMESPACE, "get", "pods")
        raise StepFailed(
            f"IP2A {RESOURCE} is not Ready: {shown}\n{pods}",
            f"`ip2a -n {NAMESPACE} explain {RESOURCE}` and `{target.hint} -n {NAMESPACE} get events` tell more",
        ) from error


def _observed(target: Target) -> str:
    return target.run("-n", NAMESPACE, "get", "ip2a", RESOURCE, "-o", "jsonpath={.status.observedGeneration}")


def _manifest(name: str) -> str:
    """Of the quickstart. On any other cluster images are pulled, as the manifest says; here they are at hand."""
    return (QUICKSTART / name).read_text().replace("imagePullPolicy: Always", "imagePullPolicy: IfNotPresent")


def _kept(target: Target, name: str, fresh: dict[str, str]) -> dict[str, str]:
    """A Secret's values: random, made once, so that no installation has a well-known password."""
    present = target.run("-n", NAMESPACE, "get", "secret", name, "--ignore-not-found", "-o", "jsonpath={.data}")
    if present:
        return {key: base64.b64decode(value).decode() for key, value in json.loads(present).items()}
    manifest = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "stringData": fresh,
    }
    target.run("apply", "--server-side", "-f", "-", text=json.dumps(manifest))
    return fresh


def _seed(target: Target, app_image: str) -> None:
    """A Job of the app's image; its name holds the image's tag, so that new code seeds anew (and changes nothing)."""
    job = f"{RESOURCE}-seed-{app_image.rpartition('-')[2]}"
    if (
        target.run("-n", NAMESPACE, "get", "job", job, "--ignore-not-found", "-o", "jsonpath={.status.succeeded}")
        == "1"
    ):
        return
    template = _manifest("seed-job.yaml")
    target.run(
        "apply", "--server-side", "-f", "-", text=template.replace("SEED_JOB", job).replace("APP_IMAGE", app_image)
    )
    ended = ("-n", NAMESPACE, "get", "job", job, "-o", "jsonpath={.status.conditions[?(@.status=='True')].type}")
    _until(
        lambda: bool({"Complete", "Failed"} & set(target.run(*ended).split())),
        SEED_SECONDS,
        f"Job {job} did not end",
        f"`{target.hint} -n {NAMESPACE} describe job {job}` tells why",
    )
    if "Failed" in target.run(*ended).split():
        log = target.run("-n", NAMESPACE, "logs", f"job/{job}", "--tail=20")
        raise StepFailed(f"the demo data were not written: {log}", "mend it and run `make up` again")


def _closing_message(target: Target, password: str) -> str:
    logins = "\n".join(f"  {role:<11} {role}@local46.example" for role in ROLES)
    exported = f"export KUBECONFIG={target.kubeconfig}\n  " if target.kubeconfig else ""
    return f"""
The platform is up: {URL}   (also https://localhost:8443, self-signed)

Mails that it sends: {MAIL_URL}   Documents are kept on an S3 server of the cluster ({S3_URL}).

Demo logins, all with the password {password}
{logins}

Try next:
  {exported}{target.hint} -n {NAMESPACE} get ip2a
  {target.hint} -n {NAMESPACE} delete service {RESOURCE}-app     # and watch it come back
  {target.hint} -n {NAMESPACE} patch ip2a {RESOURCE} --type=merge -p '{{"spec":{{"users":2000}}}}'
"""


def _until(ready: Callable[[], bool], seconds: float, problem: str, remedy: str) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise StepFailed(problem, remedy)
        time.sleep(0.5)


def _run(
    command: Sequence[str | Path],
    environment: dict[str, str] | None = None,
    text: str | None = None,
    timeout: float = 120,
) -> str:
    try:
        run = subprocess.run(
            command, env=environment, input=text, capture_output=True, text=True, timeout=timeout, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise StepFailed(
            f"`{_shown(command)}` took more than {timeout:.0f} s", "`devcluster status` shows more"
        ) from error
    if run.returncode:
        raise StepFailed(f"`{_shown(command)}` failed: {run.stderr.strip()[-2000:]}", "`devcluster status` shows more")
    return run.stdout


def _shown(command: Sequence[str | Path]) -> str:
    return " ".join([Path(command[0]).name, *(str(part) for part in command[1:])])
