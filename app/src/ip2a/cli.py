"""`ip2a-app`: serve the platform, migrate its database, fill it with demo data."""

import asyncio
import gc
from datetime import UTC, datetime

import click
import uvloop

from ip2a import __version__
from ip2a.observability import crash_reports, logs
from ip2a.settings import Settings, SettingsError, load_settings

BAD_INPUT = 2


def _settings() -> Settings:
    try:
        settings = load_settings()
    except SettingsError as error:
        raise BadInput(str(error)) from None
    crash_reports.start(settings)
    return settings


class BadInput(click.ClickException):
    """The environment or an argument is wrong."""

    exit_code = BAD_INPUT


@click.group()
@click.version_option(__version__, prog_name="ip2a-app")
def main() -> None:
    """The membership platform. Configuration comes from IP2A_* environment variables
    (docs/architecture.md).
    """
    logs.configure()


@main.command()
@click.option("--host", default="0.0.0.0", show_default=True, help="Address to listen on.")  # noqa: S104
@click.option("--port", default=8000, show_default=True, help="Port of the platform.")
@click.option("--ops-port", default=9100, show_default=True, help="Port of metrics and probes.")
@click.option(
    "--drain-delay",
    default=5.0,
    show_default=True,
    help="Seconds between not-ready and closing the listener.",
)
def serve(host: str, port: int, ops_port: int, drain_delay: float) -> None:
    """Serve the platform until SIGTERM."""
    gc.disable()  # nothing that is imported is garbage, and looking for some is a sixth of the start; on again in serve
    from ip2a.server import serve as run  # noqa: PLC0415 (migrate and seed need no web server)

    uvloop.run(run(_settings(), host=host, port=port, ops_port=ops_port, drain_delay=drain_delay))


@main.command()
@click.option("--host", default="0.0.0.0", show_default=True, help="Address to listen on.")  # noqa: S104
@click.option("--ops-port", default=9100, show_default=True, help="Port of metrics and probes.")
@click.option("--concurrency", default=4, show_default=True, type=click.IntRange(1, 64), help="Jobs at once.")
@click.option(
    "--lease",
    default=60.0,
    show_default=True,
    type=click.FloatRange(1, 3600),
    help="Seconds after which the jobs of a worker that died are taken by another.",
)
@click.option(
    "--grace",
    default=25.0,
    show_default=True,
    type=click.FloatRange(0, 3600),
    help="Seconds that jobs in progress are given when the process ends.",
)
def worker(host: str, ops_port: int, concurrency: int, lease: float, grace: float) -> None:
    """Work on the queue (mail, reports) until SIGTERM."""
    from ip2a.worker.process import work  # noqa: PLC0415
    from ip2a.worker.runner import Pace  # noqa: PLC0415

    pace = Pace(concurrency=concurrency, lease=lease, grace=grace)
    uvloop.run(work(_settings(), host=host, ops_port=ops_port, pace=pace))


@main.command()
def migrate() -> None:
    """Bring the database's schema up to date; run as ip2a_owner, straight to the primary."""
    from ip2a.database.migrate import MigrationError  # noqa: PLC0415
    from ip2a.database.migrate import migrate as run  # noqa: PLC0415

    try:
        revision = run(_settings())
    except MigrationError as error:
        raise BadInput(str(error)) from None
    click.echo(f"schema is at {revision}")


@main.command()
@click.option("--profile", type=click.Choice(["demo", "local", "large"]), required=True, help="Which data set.")
def seed(profile: str) -> None:
    """Fill the database with made-up people; repeating it changes nothing."""
    from ip2a.seed.run import SeedError  # noqa: PLC0415
    from ip2a.seed.run import seed as run  # noqa: PLC0415

    try:
        summary = asyncio.run(run(_settings(), datetime.now(UTC), profile))
    except SeedError as error:
        raise BadInput(str(error)) from None
    click.echo(f"{profile}: {summary}")


@main.command()
@click.argument("name")
def job(name: str) -> None:
    """Run one nightly job; an unknown NAME lists them."""
    from ip2a.jobs import JOBS  # noqa: PLC0415
    from ip2a.jobs import run as run_job  # noqa: PLC0415

    if name not in JOBS:
        raise BadInput(f"there is no job {name}; choose one of {', '.join(JOBS)}")
    click.echo(f"{name}: {asyncio.run(run_job(name, _settings(), datetime.now(UTC)))}")
