"""`lines`: decisions about single lines."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import typer

from cw_pipeline.billing.outcomes import Outcome
from cw_pipeline.cli import lazy
from cw_pipeline.cli.command import command, setup_command
from cw_pipeline.cli.options import AsJson, YesOption, example, parser
from cw_pipeline.cli.output import UsageError, number
from cw_pipeline.vocabulary import Month, counted, plain
from cw_pipeline.wording.outcomes import in_words

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from cw_pipeline.billing.preview import PreviewLine
    from cw_pipeline.cli.output import Output

app = typer.Typer(help="Decide about single lines.", no_args_is_help=True)


_month = parser(Month.parse)
_seats = parser(lambda text: lazy.accept.seats_of(text))  # noqa: PLW0108 - imported when it is used


_Month = Annotated[Month, typer.Option(parser=_month, metavar="MONTH", help="The month, such as 2026-03.")]


@app.command(epilog=example('lines accept --month 2026-03 --organization "Acme Ltd"'))
def accept(
    month: _Month,
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
            accepted = lazy.accept.accept_lines(run, month, organization, credited=credited)
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


@app.command(epilog=example('lines release --month 2026-03 --organization "Acme Ltd"'))
def release(
    month: Annotated[
        Month | None, typer.Option(parser=_month, metavar="MONTH", help="The month, such as 2026-03.")
    ] = None,
    organization: Annotated[
        list[str] | None, typer.Option(help="Id or exact name of a NordPass organization. Can be given several times.")
    ] = None,
    *,
    everything: Annotated[
        bool, typer.Option("--all", help="Every organization with unusual usage, after a look at them.")
    ] = False,
    yes: YesOption = False,
    as_json: AsJson = False,
) -> None:
    """Resolve `unusual`: confirm that unusual usage of organizations in a month's report is right.

    Look at the month in the NordPass panel first. Without --organization and --all, only show what is unusual; without
    --month, in each month's latest preview. If the report changes, the question is asked again.
    """
    if month is None:
        _show_unusual_months(chosen=bool(organization) or everything, as_json=as_json)
        return
    with setup_command(as_json=as_json) as running:
        if organization and everything:
            raise UsageError("Give either --organization or --all.")
        run = running.sync_run("lines release")
        with running.working("Reading the lines in ConnectWise"):
            unusual = lazy.release.unusual_month(run, month)
        released = [] if everything or not organization else lazy.release.release_lines(run, unusual, organization)
        shown = [(month, line) for line in released or unusual.lines]
        _print_unusual(running, shown)
        if everything and shown:
            if not yes:
                organizations = counted(len({one.organization_id for _, one in shown}), "organization")
                running.confirm(
                    f"Release the usage of {organizations}?",
                    refusal="Nothing was released. If all of that usage is right, give --yes.",
                )
            released = lazy.release.release_lines(run, unusual, None)
        running.document(_unusual_document(shown, released))
        running.say(f"Next, run `cw-pipeline sync --month {month}`." if released else "Nothing was released.")


def _show_unusual_months(*, chosen: bool, as_json: bool) -> None:
    """Show what is unusual in each month's latest preview; refuse if it was to be released, without saying of which."""
    with command(as_json=as_json) as running:
        if chosen:
            raise UsageError("Give the --month whose usage is to be released.")
        with running.warehouse.transaction() as session:
            unusual = lazy.release.unusual_lines(session, lazy.psa.connected_psa(session))
        _print_unusual(running, unusual)
        running.document(_unusual_document(unusual, ()))
        running.say("Nothing was released. To release one, give its --month." if unusual else "Nothing is unusual.")


def _print_unusual(output: Output, unusual: Sequence[tuple[Month, PreviewLine]]) -> None:
    output.table(
        ["Month", "Organization", "Plan", "Outcome", "Seats", "Why"],
        [
            (month, one.organization_name, one.plan, in_words(one.outcome), plain(one.seats), one.warning or one.reason)
            for month, one in unusual
        ],
    )


def _unusual_document(
    unusual: Sequence[tuple[Month, PreviewLine]], released: Collection[PreviewLine]
) -> dict[str, object]:
    return {
        "unusual": [
            {
                "month": month,
                "organization_id": one.organization_id,
                "organization_name": one.organization_name,
                "plan": one.plan,
                "held": one.outcome is Outcome.UNUSUAL,
                "seats": number(one.seats),
                "reason": one.warning or one.reason,
                "released": one in released,
            }
            for month, one in unusual
        ]
    }
