"""`lines`: decisions about single lines, ours and those that people keep by hand."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import typer

from cw_pipeline.billing.by_hand import Act
from cw_pipeline.billing.outcomes import Outcome
from cw_pipeline.cli import lazy
from cw_pipeline.cli.command import Command, command, setup_command, showing_setup
from cw_pipeline.cli.options import MonthOption, RequiredMonthOption, YesOption, example, parser
from cw_pipeline.cli.output import UsageError, members
from cw_pipeline.errors import HELD_OR_FAILED
from cw_pipeline.vocabulary import Month, counted, plain
from cw_pipeline.wording.outcomes import in_words

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from cw_pipeline.billing.preview import PreviewLine
    from cw_pipeline.reports.by_hand import LineByHand
    from cw_pipeline.sync.sync_run import SyncRun

app = typer.Typer(help="Decide about single lines.", no_args_is_help=True)

_seats = parser(lambda text: lazy.accept.seats_of(text))  # noqa: PLW0108 - imported when it is used
_Lines = Annotated[list[int] | None, typer.Argument(metavar="LINE...", help="The lines' ids in ConnectWise.")]
_All = Annotated[bool, typer.Option("--all", help="Every line for which this is proposed, after showing them.")]


@app.command(epilog=example('lines accept --month 2026-03 --organization "Acme Ltd"'))
@setup_command
def accept(
    cmd: Command,
    month: RequiredMonthOption,
    organization: Annotated[str, typer.Option(help="Id or exact name of the NordPass organization.")],
    credited: Annotated[
        Decimal | None,
        typer.Option(parser=_seats, metavar="SEATS", help="How many seats were credited in ConnectWise."),
    ] = None,
) -> None:
    """Resolve `invoice_unclear`: confirm that an organization's invoiced lines billed the quantities they show now.

    Check the invoice first, and set the lines in ConnectWise to what it billed. A line that is gone, or that belongs to
    somebody else now, counts as having billed nothing: if it did bill, create it again there first, as Do Not Bill.
    With --credited, resolve `credit_due` or `moved`: confirm that a credit was issued.
    """
    run = cmd.sync_run("lines accept")
    with cmd.working("Reading the lines in ConnectWise"):
        accepted = lazy.accept.accept_lines(run, month, organization, credited=credited)
    cmd.document(
        {
            "accepted": [
                members(row.line, "addition_id", "agreement_id") | {"plan": row.identity.plan, "quantity": row.counts}
                for row in accepted
            ]
        }
    )
    cmd.table(
        ["Line", "Agreement", "Plan", "Before", "Counts for"],
        [
            (
                row.line.addition_id,
                row.line.agreement_id,
                row.identity.plan,
                " or ".join(map(str, sorted(row.before))) or "unknown",
                row.counts,
            )
            for row in accepted
        ],
    )
    cmd.say(f"Next, run `cw-pipeline sync --month {month}`.")


@app.command(epilog=example('lines release --month 2026-03 --organization "Acme Ltd"'))
@command
def release(
    cmd: Command,
    month: MonthOption = None,
    organization: Annotated[
        list[str] | None, typer.Option(help="Id or exact name of a NordPass organization. Can be repeated.")
    ] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Release all unusual usage, after showing it.")] = False,
    yes: YesOption = False,
) -> None:
    """Resolve `unusual`: confirm that unusual usage of organizations in a month's report is right.

    Check the month in the NordPass panel first. Without --organization and --all, only shows what is unusual; without
    --month, in each month's latest preview. If the report changes, the usage has to be released again.
    """
    if organization and everything:
        raise UsageError("Give either --organization or --all.")
    if month is None and (organization or everything):
        raise UsageError("Give the --month whose usage is to be released.")
    if month is None:
        with cmd.warehouse.transaction() as session:
            lines = lazy.release.unusual_lines(session, lazy.psa.connected_psa(session))
        _print_unusual(cmd, lines)
        _write_unusual(cmd, lines, ())
        cmd.say("Nothing was released. To release one, give its --month." if lines else "Nothing is unusual.")
    else:
        with showing_setup(cmd):
            _release(cmd, month, organization, everything=everything, yes=yes)


def _release(cmd: Command, month: Month, organizations: list[str] | None, *, everything: bool, yes: bool) -> None:
    """Show what is unusual in a month, and release these organizations' usage, or all of it."""
    run = cmd.sync_run("lines release")
    with cmd.working("Reading the lines in ConnectWise"):
        unusual = lazy.release.unusual_month(run, month)
    released = lazy.release.release_lines(run, unusual, organizations) if organizations else []
    lines = [(month, line) for line in released or unusual.lines]
    _print_unusual(cmd, lines)
    if everything and lines:
        count = counted(len({line.organization_id for _, line in lines}), "organization")
        refusal = "Nothing was released. If all of that usage is right, give --yes."
        cmd.confirm(f"Release the usage of {count}?", refusal=refusal, yes=yes)
        released = lazy.release.release_lines(run, unusual, None)
    _write_unusual(cmd, lines, released)
    cmd.say(f"Next, run `cw-pipeline sync --month {month}`." if released else "Nothing was released.")


def _print_unusual(cmd: Command, lines: Sequence[tuple[Month, PreviewLine]]) -> None:
    cmd.table(
        ["Month", "Organization", "Plan", "Outcome", "Seats", "Why"],
        [
            (
                month,
                line.organization_name,
                line.plan,
                in_words(line.outcome),
                plain(line.seats),
                line.warning or line.reason,
            )
            for month, line in lines
        ],
    )


def _write_unusual(cmd: Command, lines: Sequence[tuple[Month, PreviewLine]], released: Collection[PreviewLine]) -> None:
    cmd.document(
        {
            "unusual": [
                {
                    "month": month,
                    **members(line, "organization_id", "organization_name", "plan", "seats"),
                    "held": line.outcome is Outcome.UNUSUAL,
                    "reason": line.warning or line.reason,
                    "released": line in released,
                }
                for month, line in lines
            ]
        }
    )


@app.command("by-hand", epilog=example("lines by-hand"))
@command
def by_hand(cmd: Command) -> None:
    """List the lines that people keep by hand for a confirmed product on mapped agreements, and what is proposed.

    For as long as such a line bills the same days as one of ours, the month is held as `billed_by_hand`. Changes
    nothing.
    """
    _, lines = _lines_by_hand(cmd, "lines by-hand")
    cmd.document({"lines": [_document(line) for line in lines]})
    cmd.table(*lazy.cells.lines_by_hand(lines))
    if not lines:
        cmd.say("No line that is kept by hand bills the same as ours.")
    elif any(line.is_undecided for line in lines):
        cmd.say(
            "`cw-pipeline lines end LINE` ends a line the day before ours begin; `cw-pipeline lines leave LINE` "
            "leaves one that bills something else; `cw-pipeline lines undo LINE` takes either back."
        )
    else:
        cmd.say("Every line is decided. `cw-pipeline lines undo LINE` takes that back.")


@app.command(epilog=example("lines end 5001"))
@setup_command
def end(cmd: Command, lines: _Lines = None, *, everything: _All = False, yes: YesOption = False) -> None:
    """Resolve `billed_by_hand`: end lines that people keep by hand the day before the first line of ours begins.

    Their last day is set in ConnectWise. Each line is read again first, and refused if it has changed.
    """
    _choose(cmd, Act.END, lines, everything=everything, yes=yes)


@app.command(epilog=example("lines leave 5001 5002"))
@setup_command
def leave(cmd: Command, lines: _Lines = None, *, everything: _All = False, yes: YesOption = False) -> None:
    """Resolve `billed_by_hand`: leave lines that people keep by hand, because they bill something else.

    They hold nothing from now on. Nothing is changed in ConnectWise.
    """
    _choose(cmd, Act.LEAVE, lines, everything=everything, yes=yes)


@app.command(epilog=example("lines undo 5001"))
@setup_command
def undo(cmd: Command, lines: Annotated[list[int], typer.Argument(metavar="LINE...")]) -> None:
    """Undo `end` or `leave`. Undoing `end` restores the lines' last day in ConnectWise."""
    _choose(cmd, Act.UNDO, lines)


def _choose(cmd: Command, act: Act, ids: list[int] | None, *, everything: bool = False, yes: bool = False) -> None:
    if bool(ids) is everything:
        raise UsageError("Give the ids of lines, or --all. `cw-pipeline lines by-hand` lists them.")
    run, lines = _lines_by_hand(cmd, f"lines {act}")
    chosen = ids or lazy.by_hand.proposed(lines, act)
    if everything and chosen and not yes:
        cmd.table(*lazy.cells.lines_by_hand([line for line in lines if line.line.addition_id in chosen]))
        refusal = "Nothing was changed. To do this for all of them, give --yes."
        cmd.confirm(f"{act.capitalize()} {counted(len(chosen), 'line')}?", refusal=refusal)
    done = lazy.by_hand_choices.choose(run, lines, act, chosen)
    cmd.document({"lines": [_document(choice.kept) | members(choice, "done", "result") for choice in done]})
    cmd.table(*lazy.cells.chosen_lines(done))
    if not all(choice.done for choice in done):
        cmd.exit_code = HELD_OR_FAILED
        cmd.say("Some lines were not changed: see the results, and `cw-pipeline lines by-hand`.")
    elif done:
        cmd.say("`cw-pipeline status` shows which months are to be synced now.")
    else:
        cmd.say("Nothing was changed: this is proposed for no line.")


def _lines_by_hand(cmd: Command, name: str) -> tuple[SyncRun, list[LineByHand]]:
    run = cmd.sync_run(name)
    with cmd.working("Reading the lines in ConnectWise"):
        return run, lazy.by_hand.lines_by_hand(run)


def _document(by_hand: LineByHand) -> dict[str, object]:
    line, agreement = by_hand.line, by_hand.agreement
    return {
        **members(line, "addition_id", "agreement_id"),
        "agreement_name": agreement.name,
        **members(agreement, "company_id", "company_name"),
        **members(by_hand, "organizations", "product"),
        "quantity": line.quantity,
        "first_day": line.effective_date,
        "last_day": line.cancelled_date,
        "may_bill_until": by_hand.last_day,
        **members(by_hand, "proposal", "choice"),
    }
