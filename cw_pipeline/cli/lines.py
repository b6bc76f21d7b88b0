"""`lines`: decisions about single lines."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

import typer

from cw_pipeline.cli import rooms
from cw_pipeline.cli.command import setup_command
from cw_pipeline.cli.options import AsJson, example, parser
from cw_pipeline.cli.output import number
from cw_pipeline.vocabulary import Month

app = typer.Typer(help="Decide about single lines.", no_args_is_help=True)


_month = parser(Month.parse)
_seats = parser(lambda text: rooms.accept.seats_of(text))  # noqa: PLW0108 - imported when it is used


@app.command(epilog=example('lines accept --month 2026-03 --organization "Acme Ltd"'))
def accept(
    month: Annotated[Month, typer.Option(parser=_month, metavar="MONTH", help="The month, such as 2026-03.")],
    organization: Annotated[str, typer.Option(help="Id or exact name of the NordPass organization.")],
    credited: Annotated[
        Decimal | None,
        typer.Option(parser=_seats, metavar="SEATS", help="How many seats were credited in ConnectWise."),
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Resolve `invoice_unclear`: confirm that an organization's invoiced lines billed the quantities they show now.

    Check the invoice first, and set the lines in ConnectWise to what it billed. A line that is gone, or that belongs to
    somebody else now, counts as having billed nothing: if it did bill, create it again there first, as Do Not Bill.
    With --credited, resolve `credit_due` or `moved`: confirm that a credit was issued.
    """
    with setup_command(as_json=as_json) as running:
        run = running.sync_run("lines accept")
        with running.working("Reading the lines in ConnectWise"):
            accepted = rooms.accept.accept_lines(run, month, organization, credited=credited)
        running.document(
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
        running.table(
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
        )
        running.say(f"Next, run `cw-pipeline sync --month {month}`.")
