"""`lines`: what a person decides about single lines."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

import typer

from cw_pipeline.cli.environment import opened_dagster, opened_sync_run, parsed_month, read_settings
from cw_pipeline.cli.output import AsJson, command_output, number
from cw_pipeline.vocabulary import Month

app = typer.Typer(help="Decisions about single lines.", no_args_is_help=True)


def _seats(text: str) -> Decimal:
    from cw_pipeline.setup.accept import seats_of
    from cw_pipeline.setup.errors import NothingToAccept

    try:
        return seats_of(text)
    except NothingToAccept as refused:
        raise typer.BadParameter(str(refused)) from None


@app.command()
def accept(
    month: Annotated[Month, typer.Option(parser=parsed_month, metavar="MONTH", help="As 2026-03.")],
    organization: Annotated[str, typer.Option(help="Id or exact name of the NordPass organization.")],
    credited: Annotated[
        Decimal | None,
        typer.Option(parser=_seats, metavar="SEATS", help="So many seats were credited in ConnectWise."),
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Settle `invoice_unclear`: say that the organization's invoiced lines billed what they show now.

    See the invoice first, and set the lines in ConnectWise to what it billed. A line that is gone, or is somebody
    else's now, is taken as having billed nothing: if it billed, make it again there first, as Do Not Bill. With
    --credited, settle `credit_due` or `moved`: say that a credit was issued.
    """
    from cw_pipeline.orchestration.assets.setup import report_setup
    from cw_pipeline.setup.accept import accept_lines

    with command_output(as_json=as_json) as output:
        settings = read_settings()
        with opened_dagster(settings) as dagster, opened_sync_run(settings, "lines accept", output.notice) as run:
            accepted = accept_lines(run, month, organization, credited=credited)
            report_setup(dagster, run.warehouse)
        output.document(
            {
                "accepted": [
                    {
                        "addition_id": one.line.addition_id,
                        "agreement_id": one.line.agreement_id,
                        "plan": one.identity.plan,
                        "quantity": number(one.counts),
                    }
                    for one in accepted
                ]
            }
        )
        output.table(
            ["Line", "Agreement", "Plan", "Before", "Counts for"],
            [
                (
                    one.line.addition_id,
                    one.line.agreement_id,
                    one.identity.plan,
                    " or ".join(map(str, sorted(one.before))) or "unknown",
                    one.counts,
                )
                for one in accepted
            ],
            right=["Line", "Agreement", "Before", "Counts for"],
        )
        output.say(f"Carry on with `cw-pipeline sync --month {month}`.")
