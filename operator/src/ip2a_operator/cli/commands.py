"""The commands, as click sees them: options in, one coroutine each, exit status out."""

import asyncio
import sys
from collections.abc import Coroutine
from typing import Any

import click

from ip2a_operator.cli.cleanup import clean_up
from ip2a_operator.errors import OperatorError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def ip2a() -> None:
    """Look at IP2A resources and look after them."""


@ip2a.command()
@click.option("--namespace", "-n", "namespaces", multiple=True, help="Namespace; every one when left out.")
@click.option("--timeout", type=click.FloatRange(min=0), default=300.0, show_default=True, help="Seconds.")
def cleanup(namespaces: tuple[str, ...], timeout: float) -> None:
    """Delete every IP2A and wait until all are gone, while the operator still runs to tear them down."""
    _finish(clean_up(namespaces, timeout, click.echo))


def _finish(work: Coroutine[Any, Any, int]) -> None:
    try:
        sys.exit(asyncio.run(work))
    except OperatorError as error:
        click.echo(f"ip2a: {error}", err=True)
        sys.exit(1)
