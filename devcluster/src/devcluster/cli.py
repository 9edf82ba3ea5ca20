"""`devcluster`: the embedded cluster's commands. Exit code 0, 1 for a failure with its remedy, 2 for a wrong call."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from devcluster import cluster, dockerfiles, images, ownership, quickstart
from devcluster.control_plane import control_plane
from devcluster.errors import DevclusterError, StepFailed
from devcluster.gotools import tool, tools
from devcluster.progress import Progress

CLUSTER_OPTION = click.option(
    "--cluster", "kind_of_cluster", type=click.Choice(["embedded", "kind"]), default="embedded", show_default=True
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def commands() -> None:
    """A real single-node Kubernetes on a bare machine, and the platform on it."""


@commands.command()
def up() -> None:
    """Bring the cluster up, or heal it."""
    cluster.up(Progress())
    click.echo(f"the cluster is up; export KUBECONFIG={cluster.PLANE.kubeconfig}")


@commands.command()
@CLUSTER_OPTION
@click.option("--force", is_flag=True, help="also when another checkout brought it up")
def down(kind_of_cluster: str, force: bool) -> None:
    """Take the cluster away, leaving nothing behind."""
    if kind_of_cluster == "kind":
        quickstart.kind_down(Progress())
    else:
        cluster.down(Progress(), force=force)


@commands.command("quickstart")
@CLUSTER_OPTION
@click.option(
    "--timings", type=click.Path(dir_okay=False, path_type=Path), help="also write each step's seconds there, as JSON"
)
def quickstart_command(kind_of_cluster: str, timings: Path | None) -> None:
    """Bring a cluster up with the operator, one IP2A resource and demo data."""
    progress = Progress()
    run = quickstart.on_kind if kind_of_cluster == "kind" else quickstart.on_embedded
    closing_message = run(progress)
    if timings:
        timings.write_text(json.dumps({"steps": progress.seconds_by_step()}, indent=1))
    click.echo(closing_message)


@commands.command()
@CLUSTER_OPTION
def status(kind_of_cluster: str) -> None:
    """Show what runs, and who holds the cluster. Exit code 1 when it is not up."""
    if kind_of_cluster == "kind":
        sys.exit(0 if quickstart.kind_is_up() else 1)
    table = Table("component", "pid")
    for component in cluster.status():
        table.add_row(component.name, str(component.pid) if component.pid else "[red]not running[/red]")
    console = Console()
    console.print(table)
    current = ownership.holder()
    if current is None:
        click.echo("no cluster was brought up")
        sys.exit(1)
    fresh = "of this very source" if current.digest == ownership.checkout_digest() else "of other source"
    click.echo(f"held by {current.checkout} since {current.since}, {fresh}")
    if cluster.DAEMONS.running("kube-apiserver"):
        click.echo(cluster.kubectl("get", "ip2a,pods", "-A"))
    if not all(component.pid for component in cluster.status()):
        sys.exit(1)


@commands.command("build")
@click.argument("image", type=click.Choice(sorted(dockerfiles.SOURCES)))
def build_image(image: str) -> None:
    """Build one of our images and print its name."""
    with Progress().step(f"image {image}"):
        built = dockerfiles.build(image)
    click.echo(built.name)


@commands.command()
@click.argument("image", type=click.Choice(sorted(dockerfiles.SOURCES)))
def load(image: str) -> None:
    """Build one of our images and give it to the running cluster."""
    with Progress().step(f"image {image}"):
        built = dockerfiles.build(image)
        images.import_file(built.archive, built.name)
    click.echo(built.name)


@commands.command()
@click.argument("component", type=click.Choice(cluster.COMPONENTS))
@click.option("--lines", default=200, show_default=True, help="how many of the last lines; 0 for all")
def logs(component: str, lines: int) -> None:
    """Print a component's log."""
    log = cluster.DAEMONS.log(component)
    if not log.exists():
        raise DevclusterError(f"{component} has no log", "`devcluster up` starts it")
    text = log.read_text(errors="replace").splitlines()
    click.echo("\n".join(text[-lines:] if lines else text))


@commands.command()
def kubeconfig() -> None:
    """Print the path of the administrator's kubeconfig."""
    if not cluster.PLANE.kubeconfig.exists():
        raise DevclusterError("there is no cluster", "`devcluster up` brings one up")
    click.echo(cluster.PLANE.kubeconfig)


@commands.command("control-plane")
@click.option("--controllers", is_flag=True, help="also run kube-controller-manager")
def control_plane_command(controllers: bool) -> None:
    """Run etcd and an API server on free ports until interrupted; prints the kubeconfig's path."""
    with control_plane(controllers=controllers) as plane:
        click.echo(plane.kubeconfig)
        sys.stdout.flush()
        click.pause(info="up; press a key to end it") if sys.stdin.isatty() else sys.stdin.read()


@commands.command("tool", context_settings={"ignore_unknown_options": True})
@click.argument("name")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def run_tool(name: str, arguments: tuple[str, ...]) -> None:
    """Run one of the Go tools (kubectl, helm, k6 …), built first if need be."""
    if name not in tools():
        raise click.BadParameter(
            f"there is no tool {name!r}; there are {', '.join(sorted(tools()))}", param_hint="NAME"
        )
    program = tool(name)
    if name in {"kubectl", "helm"} and "KUBECONFIG" not in os.environ and cluster.PLANE.kubeconfig.exists():
        os.environ["KUBECONFIG"] = str(cluster.PLANE.kubeconfig)
    os.execv(program, [name, *arguments])  # noqa: S606 - the tool takes our place


def main() -> None:
    """Runs the command line; a DevclusterError becomes a message and exit code 1."""
    _guarded(commands)


def _guarded(run: Callable[[], object]) -> None:
    try:
        run()
    except DevclusterError as error:
        click.echo(f"error: {error}", err=True)
        _keep_log(error)
        sys.exit(1)


def _keep_log(error: DevclusterError) -> None:
    """In CI the log goes with the artifacts."""
    if isinstance(error, StepFailed) and error.log and error.log.exists() and os.environ.get("CI"):
        Path("artifacts").mkdir(exist_ok=True)
        shutil.copy(error.log, Path("artifacts") / error.log.name)
