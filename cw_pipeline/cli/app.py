"""The command line, `cw-pipeline`: which commands there are."""

from __future__ import annotations

import gc
import os
import sys
from io import TextIOWrapper
from typing import Annotated

import typer

from cw_pipeline.cli import (
    companies,
    compare,
    drift,
    fault,
    health,
    history,
    imports,
    lazy,
    lifecycle,
    lines_by_hand,
    months,
    notify,
    organizations,
    products,
    rebuild,
    reconcile,
    report,
    sandbox,
    tenants,
    undo,
)
from cw_pipeline.cli.options import example


def _print_version(asked: bool) -> None:  # noqa: FBT001 - typer's callback
    if asked:
        from importlib.metadata import version  # noqa: PLC0415 - slow

        typer.echo(f"cw-pipeline {version('cw-pipeline')}")
        raise typer.Exit


app = typer.Typer(
    name="cw-pipeline",
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
    # They would show the values of variables, secrets among them.
    pretty_exceptions_enable=False,
)


@app.callback()
def options(
    *,
    tenant: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="For which of several tenants, see `tenants`. Default: $CW_PIPELINE_TENANT."),
    ] = None,
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Carries NordPass seat counts to the right line of the right ConnectWise PSA agreement, every month."""
    if tenant is not None:
        os.environ[lazy.tenant_file.VARIABLE] = tenant


_TRYING_OUT, _SETTING_UP, _EVERY_MONTH, _MONITORING = "Trying out", "Setting up", "Every month", "Monitoring"

app.command(rich_help_panel=_TRYING_OUT, epilog=example("demo"))(sandbox.demo)
app.command(
    rich_help_panel=_TRYING_OUT,
    context_settings={"allow_interspersed_args": False},
    epilog=example("sandbox -- dg dev"),
)(sandbox.sandbox)
app.command(rich_help_panel=_TRYING_OUT, help=fault.HELP, epilog=example("fault rejected"))(fault.fault)
app.command(rich_help_panel=_SETTING_UP, epilog=example("tenants"))(tenants.tenants)
app.command(rich_help_panel=_SETTING_UP, epilog=example("migrate --check"))(lifecycle.migrate)
app.command(rich_help_panel=_SETTING_UP, epilog=example("connect"))(lifecycle.connect)
app.add_typer(products.app, name="products", rich_help_panel=_SETTING_UP)
app.command("import", rich_help_panel=_SETTING_UP, epilog=example("import --type Client --status Active"))(
    imports.import_
)
app.add_typer(companies.app, name="companies", rich_help_panel=_SETTING_UP)
app.add_typer(organizations.app, name="organizations", rich_help_panel=_SETTING_UP)
app.command(rich_help_panel=_SETTING_UP, epilog=example("notify"))(notify.notify)
app.command(rich_help_panel=_SETTING_UP, epilog=example("disconnect --backup mappings.csv"))(lifecycle.disconnect)
app.command(rich_help_panel=_EVERY_MONTH, epilog=example("status"))(lifecycle.status)
app.command(rich_help_panel=_EVERY_MONTH, epilog=example("preview --month 2026-03"))(months.preview)
app.command(rich_help_panel=_EVERY_MONTH, epilog=example("sync --from 2026-01 --to 2026-03"))(months.sync)
app.command(rich_help_panel=_EVERY_MONTH, epilog=example("compare 2026-02 2026-03"))(compare.compare)
app.command(rich_help_panel=_EVERY_MONTH, epilog=example("approve 17"))(months.approve)
app.command(rich_help_panel=_EVERY_MONTH, epilog=example("report --month 2026-03 --format xlsx"))(report.report)
app.command(rich_help_panel=_EVERY_MONTH, epilog=example('history --month 2026-03 --organization "Acme Ltd"'))(
    history.history
)
app.command(rich_help_panel=_EVERY_MONTH, epilog=example("undo 3f2a91bc --yes"))(undo.undo)
app.command(rich_help_panel=_EVERY_MONTH, epilog=example("drift"))(drift.drift)
app.command(rich_help_panel=_EVERY_MONTH, epilog=example("reconcile --month 2026-02"))(reconcile.reconcile)
app.command(rich_help_panel=_EVERY_MONTH, epilog=example("rebuild"))(rebuild.rebuild)
app.add_typer(lines_by_hand.app, name="lines", rich_help_panel=_EVERY_MONTH)
app.command(rich_help_panel=_MONITORING, epilog=example("health"))(health.health)
app.command(rich_help_panel=_MONITORING, epilog=example("metrics"))(health.metrics)


def main() -> None:
    """Run the command that the arguments name."""
    gc.set_threshold(100_000)  # with Python's own threshold a fifth of the time to start goes into collecting nothing
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that has no letter for a name still shows the rest
    app()
