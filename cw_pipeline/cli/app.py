"""The command line, `cw-pipeline`: which commands there are."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable
from io import TextIOWrapper
from typing import Annotated, Any

import typer

from cw_pipeline.cli import (
    companies,
    lazy,
    lines,
    monitoring,
    months,
    organizations,
    products,
    reports,
    sandbox,
    setup,
    tenants,
)
from cw_pipeline.cli.options import example


def _print_version(requested: bool) -> None:  # noqa: FBT001 - typer's callback
    if requested:
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
        typer.Option(metavar="KEY", help="Which of several tenants: see `tenants`. Default: $CW_PIPELINE_TENANT."),
    ] = None,
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Carries NordPass seat counts to the right line of the right ConnectWise PSA agreement, every month."""
    if tenant is not None:
        os.environ[lazy.tenant_file.VARIABLE] = tenant


_TRYING_OUT, _SETTING_UP, _EVERY_MONTH, _MONITORING = "Trying out", "Setting up", "Every month", "Monitoring"


def _add(panel: str, usage: str, function: Callable[..., None], **settings: Any) -> None:  # noqa: ANN401 - typer's own
    """Add a command to a panel of the help. Its name is the first word of `usage`, the example in its help."""
    app.command(usage.partition(" ")[0], rich_help_panel=panel, epilog=example(usage), **settings)(function)


_add(_TRYING_OUT, "demo", sandbox.demo)
_add(_TRYING_OUT, "sandbox -- dg dev", sandbox.sandbox, context_settings={"allow_interspersed_args": False})
_add(_TRYING_OUT, "fault rejected", sandbox.fault, help=sandbox.FAULT_HELP)
_add(_SETTING_UP, "tenants", tenants.tenants)
_add(_SETTING_UP, "migrate --check", setup.migrate)
_add(_SETTING_UP, "connect", setup.connect)
app.add_typer(products.app, name="products", rich_help_panel=_SETTING_UP)
_add(_SETTING_UP, "import --type Client --status Active", setup.import_)
app.add_typer(companies.app, name="companies", rich_help_panel=_SETTING_UP)
app.add_typer(organizations.app, name="organizations", rich_help_panel=_SETTING_UP)
_add(_SETTING_UP, "notify", monitoring.notify)
_add(_SETTING_UP, "disconnect --backup mappings.csv", setup.disconnect)
_add(_EVERY_MONTH, "status", setup.status)
_add(_EVERY_MONTH, "preview --month 2026-03", months.preview)
_add(_EVERY_MONTH, "sync --from 2026-01 --to 2026-03", months.sync)
_add(_EVERY_MONTH, "compare 2026-02 2026-03", reports.compare)
_add(_EVERY_MONTH, "approve 17", months.approve)
_add(_EVERY_MONTH, "report --month 2026-03 --format xlsx", reports.report)
_add(_EVERY_MONTH, 'history --month 2026-03 --organization "Acme Ltd"', reports.history)
_add(_EVERY_MONTH, "undo 3f2a91bc --yes", months.undo)
_add(_EVERY_MONTH, "drift", reports.drift)
_add(_EVERY_MONTH, "reconcile --month 2026-02", reports.reconcile)
_add(_EVERY_MONTH, "rebuild", setup.rebuild)
app.add_typer(lines.app, name="lines", rich_help_panel=_EVERY_MONTH)
_add(_MONITORING, "health", monitoring.health)
_add(_MONITORING, "metrics", monitoring.metrics)


def main() -> None:
    """Run the command that the arguments name."""
    gc.set_threshold(100_000)  # with Python's own threshold a fifth of the time to start goes into collecting nothing
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that has no letter for a name still shows the rest
    app()
