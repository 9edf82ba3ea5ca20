"""The commands, as click sees them: options in, one coroutine each, exit status out."""

import asyncio
import json
import sys
from collections.abc import Coroutine
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

import click
import yaml
from rich.console import Console
from rich.tree import Tree as RichTree

from ip2a_operator.adapters.kube import KubeCluster
from ip2a_operator.api.conditions import timestamp
from ip2a_operator.api.kinds import RESOURCE
from ip2a_operator.cli import bundle as archive
from ip2a_operator.cli import planning, report
from ip2a_operator.cli import scaling as scaling_commands
from ip2a_operator.cli.cleanup import clean_up
from ip2a_operator.cli.connection import connect, default_namespace
from ip2a_operator.cli.gather import View, gather, required
from ip2a_operator.domain.autoscaling.codec import encode
from ip2a_operator.domain.observed import Ref
from ip2a_operator.domain.tree import Tree, text
from ip2a_operator.errors import OperatorError
from ip2a_operator.names import PAUSED_ANNOTATION, RESTART_ANNOTATION, ROTATE_ANNOTATION
from ip2a_operator.reconcile.ports import Key

ROTATABLE = ("jwt", "database", "cache")

namespace_option = click.option(
    "--namespace", "-n", default=default_namespace, show_default="that of kubectl's context", help="Namespace."
)
output_option = click.option(
    "--output", "-o", type=click.Choice(["text", "json", "yaml"]), default="text", show_default=True
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def ip2a() -> None:
    """Look at IP2A resources and look after them.

    Exit status: 0 done; 1 the cluster says no, or not in time; 2 the command line or a file is wrong.
    """


@ip2a.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@namespace_option
@output_option
@click.option("--prometheus", default="", metavar="URL", help="Prometheus to ask, unless known.")
def plan(file: Path, namespace: str, output: str, prometheus: str) -> None:
    """Show what applying FILE would change, and what the autoscaler would do then, without changing anything.

    Exit status 1: the operator would refuse it, because the database could run out of connections.
    """
    wanted = planning.load(file)
    place = text(wanted, "metadata", "namespace") or namespace
    key = Key(place, text(wanted, "metadata", "name"))

    async def work() -> int:
        async with connect() as cluster:
            view = await gather(cluster, key)
            found = planning.outlook(wanted, view)
            scaled = await _expected(cluster, view, wanted, prometheus)
        if output == "text":
            _say_outlook(found)
            click.echo(
                "\n".join([f"autoscaler: {scaled}"] if isinstance(scaled, str) else scaling_commands.expected(scaled))
            )
        else:
            decision = {"unknown": scaled} if isinstance(scaled, str) else encode(scaled.decision)
            changes = [_change(item) for item in found.changes]
            _dump({"refusal": found.refusal, "changes": changes, "autoscaler": decision}, output)
        return 1 if found.refusal else 0

    _finish(work())


@ip2a.command()
@click.argument("name")
@namespace_option
@output_option
def status(name: str, namespace: str, output: str) -> None:
    """Show NAME and its parts as a tree, with health and reasons. Exit status 1: it is not Ready."""

    async def work() -> int:
        async with connect() as cluster:
            root = report.tree(await required(cluster, Key(namespace, name)))
        if output == "text":
            Console().print(_rich(root))
        else:
            _dump(asdict(root), output)
        return 0 if root.well else 1

    _finish(work())


@ip2a.command()
@click.argument("name")
@namespace_option
@output_option
@click.option("--scaling", is_flag=True, help="What the autoscaler sees, believes, does, and what it rejected.")
@click.option("--what-if", metavar="users=N", help="With --scaling: as if so many users were signed in.")
@click.option("--prometheus", default="", metavar="URL", help="With --scaling: Prometheus to ask, unless known.")
def explain(  # noqa: PLR0917  # click names them
    name: str, namespace: str, output: str, scaling: bool, what_if: str | None, prometheus: str
) -> None:
    """Say why NAME is not Ready, and why it has the sizes that it has."""
    if what_if and not scaling:
        raise click.UsageError("--what-if needs --scaling")
    users = _users(what_if)

    async def work() -> int:
        async with connect() as cluster:
            if scaling:
                return _say_scaling(
                    await scaling_commands.ask(cluster, Key(namespace, name), prometheus), users, output
                )
            lines = report.explanation(await required(cluster, Key(namespace, name)))
        if output == "text":
            click.echo("\n".join(lines))
        else:
            _dump(lines, output)
        return 0

    _finish(work())


@ip2a.command()
@click.argument("log", type=click.File(encoding="utf-8"))
def replay(log: TextIO) -> None:
    """Decide again what the operator's LOG (- for standard input) says it decided. Exit status 1: something differs."""
    decisions, different = 0, 0
    try:
        for found in scaling_commands.replayed(log):
            decisions += 1
            different += not found.same
            if not found.same:
                click.echo(f"line {found.line}: decided otherwise ({found.decision.diagnosis.state})")
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    click.echo(f"{decisions} decisions, {different} different")
    sys.exit(1 if different or not decisions else 0)


@ip2a.command()
@click.option("--trace", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path), help="CSV.")
@click.option("--spec", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path), help="IP2A.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Picture or page: .png, .svg, .html.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Of the requests' own luck.")
def simulate(trace: Path, spec: Path, out: Path | None, seed: int) -> None:
    """Play a traffic shape (time,users or time,rps) against the rules of the IP2A in a file, without a cluster."""

    async def work() -> int:
        click.echo(scaling_commands.simulated(trace, scaling_commands.spec_of(spec), out, seed))
        return 0

    _finish(work())


@ip2a.command()
@click.argument("name")
@namespace_option
def pause(name: str, namespace: str) -> None:
    """Stop every change to NAME; it is still reported on."""
    _annotate(Key(namespace, name), {PAUSED_ANNOTATION: "true"}, "paused")


@ip2a.command()
@click.argument("name")
@namespace_option
def resume(name: str, namespace: str) -> None:
    """Undo `pause`. (spec.paused is not touched.)"""
    _annotate(Key(namespace, name), {PAUSED_ANNOTATION: None}, "resumed")


@ip2a.command()
@click.argument("name")
@namespace_option
def restart(name: str, namespace: str) -> None:
    """Restart the app's pods one by one."""
    _annotate(Key(namespace, name), {RESTART_ANNOTATION: _stamp()}, "restarting")


@ip2a.command()
@click.argument("name")
@click.argument("what", type=click.Choice(ROTATABLE))
@namespace_option
def rotate(name: str, what: str, namespace: str) -> None:
    """Give NAME a new key or password: jwt, database or cache."""
    key = Key(namespace, name)

    async def work() -> int:
        async with connect() as cluster:
            view = await required(cluster, key)
            before = text(view.raw or {}, "metadata", "annotations", ROTATE_ANNOTATION)
            others = [pair for pair in before.split(",") if pair and not pair.strip().startswith(f"{what}=")]
            value = ",".join([*others, f"{what}={_stamp()}"])
            await cluster.merge(key.namespace, _ref(key), _annotations({ROTATE_ANNOTATION: value}))
        click.echo(f"{key}: rotating {what}")
        return 0

    _finish(work())


@ip2a.command()
@click.argument("name")
@click.option("--file", "-f", type=click.Path(path_type=Path), help="Archive; NAME-bundle.tar.gz if left out.")
@namespace_option
def bundle(name: str, file: Path | None, namespace: str) -> None:
    """Write an archive about NAME for support, without secrets."""
    target = file or Path(f"{name}-bundle.tar.gz")

    async def work() -> int:
        key = Key(namespace, name)
        async with connect() as cluster:
            view = await required(cluster, key)
            names = archive.write(target, view, await cluster.list_events(key))
        click.echo(f"{target}: {len(names)} files")
        return 0

    _finish(work())


@ip2a.command()
@click.option("--namespace", "-n", "namespaces", multiple=True, help="Namespace; every one when left out.")
@click.option("--timeout", type=click.FloatRange(min=0), default=300.0, show_default=True, help="Seconds.")
def cleanup(namespaces: tuple[str, ...], timeout: float) -> None:
    """Delete every IP2A and wait until all are gone, while the operator still runs to tear them down."""
    _finish(clean_up(namespaces, timeout, click.echo))


def _users(text: str | None) -> float | None:
    if text is None:
        return None
    what, _, count = text.partition("=")
    if what != "users" or not count.isdigit() or int(count) < 1:
        raise click.UsageError("--what-if takes users=N with a whole number of 1 or more")
    return float(count)


def _say_scaling(asked: scaling_commands.Asked, users: float | None, output: str) -> int:
    if output == "text":
        click.echo(scaling_commands.told(asked, users))
    else:
        _dump(encode(asked.decision), output)
    return 0


def _annotate(key: Key, annotations: dict[str, str | None], done: str) -> None:
    async def work() -> int:
        async with connect() as cluster:
            if await cluster.merge(key.namespace, _ref(key), _annotations(annotations)) is None:
                raise OperatorError(f"there is no IP2A {key}")
        click.echo(f"{key}: {done}")
        return 0

    _finish(work())


def _annotations(values: dict[str, str | None] | dict[str, str]) -> dict[str, object]:
    return {"metadata": {"annotations": values}}


def _ref(key: Key) -> Ref:
    return Ref(RESOURCE.api_version, RESOURCE.kind, key.name)


def _stamp() -> str:
    return timestamp(datetime.now(UTC))


def _finish(work: Coroutine[Any, Any, int]) -> None:
    try:
        sys.exit(asyncio.run(work))
    except OperatorError as error:
        click.echo(f"ip2a: {error}", err=True)
        sys.exit(1)


def _dump(value: object, output: str) -> None:
    if output == "json":
        click.echo(json.dumps(value, indent=2))
    else:
        click.echo(yaml.safe_dump(json.loads(json.dumps(value)), sort_keys=False), nl=False)


def _change(change: planning.Change) -> dict[str, str]:
    return {"action": change.verb, "kind": change.ref.kind, "name": change.ref.name, "diff": change.diff}


async def _expected(cluster: KubeCluster, view: View, wanted: Tree, prometheus: str) -> scaling_commands.Asked | str:
    """What the autoscaler would do, or why nobody can tell: a plan is worth showing without."""
    try:
        return await scaling_commands.expect(cluster, view, wanted, prometheus)
    except OperatorError as error:
        return f"not asked: {error}"


def _say_outlook(found: planning.Outlook) -> None:
    for change in found.changes:
        click.echo(planning.label(change))
        if change.verb == "change":
            click.echo("".join(f"    {line}\n" for line in change.diff.splitlines()), nl=False)
    counts = ", ".join(
        f"{sum(change.verb == verb for change in found.changes)} to {verb}" for verb in ("create", "change", "delete")
    )
    click.echo(counts)
    if found.refusal:
        click.echo(f"refused: {found.refusal}", err=True)


def _rich(item: report.Item) -> RichTree:
    mark = "[green]✔[/]" if item.well else "[red]✘[/]"
    node = RichTree(f"{mark} {item.name}  {item.detail}".rstrip())
    for part in item.parts:
        node.add(_rich(part))
    return node
