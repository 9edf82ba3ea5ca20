"""Writes what is derived from the chart, or says that it drifted: `python -m charts.generate [--check]`.

Derived are the chart's copy of the CRD, the operator's rights (from what its code says it calls), the README
(from the comments of values.yaml), the plain install and the goldens of `helm template`. It renders and
compares; it never talks to a cluster.
"""

from __future__ import annotations

import argparse
import difflib
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from devcluster.gotools import tool
from ip2a_operator.permissions import RULES

ROOT = Path(__file__).resolve().parents[1]
CHART = ROOT / "charts" / "ip2a-operator"
CRD = ROOT / "manifests" / "crds" / "ip2a.dev_ip2as.yaml"
CHART_CRD = CHART / "files" / "crds" / CRD.name
CHART_RULES = CHART / "files" / "rules.yaml"
INSTALL = ROOT / "manifests" / "install" / "ip2a-operator.yaml"
CASES = ROOT / "tests" / "packaging" / "values"
GOLDENS = ROOT / "tests" / "packaging" / "goldens"

RELEASE = "ip2a-operator"
NAMESPACE = "ip2a-system"
VERBS = ("get", "list", "watch", "create", "update", "patch", "delete")
KUBE_VERSION = "1.36.0"
RENDER_TIMEOUT_SECONDS = 60

INSTALL_HEADER = f"""\
# Generated from charts/ip2a-operator with its default values: make generate.
# kubectl apply --server-side --filename manifests/install/ip2a-operator.yaml
# Before removing it again delete the IP2A resources: only the chart has a hook that does so.
apiVersion: v1
kind: Namespace
metadata:
  name: {NAMESPACE}
  labels:
    pod-security.kubernetes.io/enforce: restricted
"""


@dataclass(frozen=True)
class Value:
    """One documented key of values.yaml; `path` is dotted, `default` is flow YAML."""

    path: str
    default: str
    description: str


def render(*arguments: str, release: str = RELEASE) -> str:
    """`helm template` of the chart into namespace ip2a-system, with further arguments.

    Raises ValueError with helm's message when the values are refused.
    """
    command = ["template", release, str(CHART), "--namespace", NAMESPACE, "--kube-version", KUBE_VERSION]
    run = subprocess.run(
        [str(tool("helm")), *command, *arguments],
        capture_output=True,
        text=True,
        timeout=RENDER_TIMEOUT_SECONDS,
        check=False,
    )
    if run.returncode:
        raise ValueError(run.stderr.strip())
    return run.stdout


def documented_values(text: str) -> Iterator[Value]:
    """The keys of a values file that a `# -- ` comment describes.

    Further comment lines below continue the text. Keys must be indented by two spaces a level.
    """
    values = yaml.safe_load(text)
    path: list[str] = []
    comment: list[str] = []
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith("# -- "):
            comment = [stripped.removeprefix("# -- ")]
        elif stripped.startswith("# ") and comment:
            comment.append(stripped.removeprefix("# "))
        elif key := re.match(r"( *)([A-Za-z0-9]+):", line):
            path[len(key[1]) // 2 :] = [key[2]]
            if comment:
                yield Value(".".join(path), _flow(_at(values, path)), " ".join(comment))
            comment = []
        else:
            comment = []


def readme() -> str:
    """The chart's README, in Markdown."""
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    rows = [
        f"| `{value.path}` | `{value.default}` | {value.description} |"
        for value in documented_values((CHART / "values.yaml").read_text())
    ]
    return "\n".join(
        [
            f"# {chart['name']}",
            "",
            f"<!-- Generated from values.yaml: make generate -->\n{chart['description']}.",
            "",
            f"Chart {chart['version']}, operator {chart['appVersion']}, Kubernetes {chart['kubeVersion']}.",
            "What it needs, and other ways to install: [docs/install.md](../../docs/install.md).",
            "",
            "```sh",
            f"helm install {RELEASE} charts/{chart['name']} -n {NAMESPACE} --create-namespace --wait",
            "```",
            "",
            "| value | default | meaning |",
            "|---|---|---|",
            *rows,
            "",
            "Unknown keys are refused (`values.schema.json`).",
            "",
        ]
    )


def rules() -> str:
    """What the operator may do where it watches, as the list `rules` of a Role.

    Resources of one group with the same verbs share a rule; order does not depend on the code's.
    """
    together: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for rule in RULES:
        if rule.where == "watched":
            verbs = tuple(sorted(rule.verbs, key=VERBS.index))
            together.setdefault((rule.group, verbs), []).append(rule.resource)
    lines = ["# Generated from operator/src/ip2a_operator/permissions.py: make generate."]
    for (group, verbs), resources in sorted(together.items()):
        lines += [
            "- apiGroups: [" + (group or '""') + "]",
            f"  resources: [{', '.join(sorted(resources))}]",
            f"  verbs: [{', '.join(verbs)}]",
        ]
    return "\n".join(lines) + "\n"


def install() -> str:
    """The plain install: the chart's objects without its hooks, and their namespace."""
    return INSTALL_HEADER + render("--no-hooks")


def golden(case: Path) -> str:
    """What the chart renders from one values file. The CRD is left out: it is compared with its source."""
    return render("--values", str(case), "--set", "crds.enabled=false")


def generated() -> Iterator[tuple[Path, str]]:
    """Every derived file with its right text; each may be read by the making of the next."""
    yield CHART_CRD, CRD.read_text()
    yield CHART_RULES, rules()
    yield CHART / "README.md", readme()
    yield INSTALL, install()
    for case in sorted(CASES.glob("*.yaml")):
        yield GOLDENS / case.name, golden(case)


def drift(path: Path, text: str) -> str:
    """A unified diff from the file to its right text; empty when they are equal."""
    current = path.read_text() if path.exists() else ""
    name = str(path.relative_to(ROOT))
    return "".join(
        difflib.unified_diff(
            current.splitlines(keepends=True),
            text.splitlines(keepends=True),
            f"{name} (found)",
            f"{name} (right)",
        )
    )


def _at(values: object, path: list[str]) -> object:
    for key in path:
        if not isinstance(values, dict):
            raise KeyError(".".join(path))
        values = values[key]
    return values


def _flow(value: object) -> str:
    if isinstance(value, str):
        return value or '""'
    return yaml.safe_dump(value, default_flow_style=True, width=1000).removesuffix("\n...\n").strip()


def main(arguments: list[str]) -> int:
    """Exit code 0 when all is written or nothing drifted, 1 after drift."""
    parser = argparse.ArgumentParser(prog="python -m charts.generate", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; print the drift and exit 1")
    check = parser.parse_args(arguments).check
    differences = []
    for path, text in generated():
        if not (difference := drift(path, text)):
            continue
        differences.append(difference)
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            sys.stdout.write(f"wrote {path.relative_to(ROOT)}\n")
    if check and differences:
        sys.stdout.write("".join(differences) + "\nThese files are generated. Remedy: make generate\n")
    return int(check and bool(differences))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
