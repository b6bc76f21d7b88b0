"""`lines by-hand`, `end`, `leave` and `undo`: lines that people keep by hand on mapped agreements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cw_pipeline.billing.by_hand import Act
from cw_pipeline.cli import lazy
from cw_pipeline.cli.command import command, setup_command
from cw_pipeline.cli.lines import app
from cw_pipeline.cli.options import AsJson, YesOption, example
from cw_pipeline.cli.output import UsageError, number
from cw_pipeline.errors import HELD_OR_FAILED
from cw_pipeline.vocabulary import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cw_pipeline.reports.by_hand import LineByHand
    from cw_pipeline.setup.by_hand import Chosen

_Lines = Annotated[list[int] | None, typer.Argument(metavar="LINE...", help="The lines' ids in ConnectWise.")]
_All = Annotated[bool, typer.Option("--all", help="Every line for which that is proposed, after a look at them.")]


@app.command("by-hand", epilog=example("lines by-hand"))
def by_hand(*, as_json: AsJson = False) -> None:
    """List the lines that people keep by hand for a confirmed product on mapped agreements, and what is proposed.

    For as long as such a line bills the same days as one of ours, the month is held as `billed_by_hand`. Changes
    nothing.
    """
    with command(as_json=as_json) as running:
        run = running.sync_run("lines by-hand")
        with running.working("Reading the lines in ConnectWise"):
            found = lazy.by_hand.lines_by_hand(run)
        running.document({"lines": [_document(one) for one in found]})
        running.table(*lazy.by_hand_in_words.listed(found))
        if not found:
            running.say("No line that is kept by hand bills the same as ours.")
        elif any(one.is_undecided for one in found):
            running.say(
                "`cw-pipeline lines end LINE` ends a line the day before ours begin; `cw-pipeline lines leave LINE` "
                "leaves one that bills something else; `cw-pipeline lines undo LINE` takes either back."
            )
        else:
            running.say("Something is chosen for every line. `cw-pipeline lines undo LINE` takes it back.")


@app.command(epilog=example("lines end 5001"))
def end(lines: _Lines = None, *, everything: _All = False, yes: YesOption = False, as_json: AsJson = False) -> None:
    """Resolve `billed_by_hand`: end lines that people keep by hand the day before the first line of ours begins.

    Their last day is set in ConnectWise. Each line is read again before, and refused if it has changed.
    """
    _choose(Act.END, lines, everything=everything, yes=yes, as_json=as_json)


@app.command(epilog=example("lines leave 5001 5002"))
def leave(lines: _Lines = None, *, everything: _All = False, yes: YesOption = False, as_json: AsJson = False) -> None:
    """Resolve `billed_by_hand`: leave lines that people keep by hand, because they bill something else.

    They hold nothing from now on. Nothing is changed in ConnectWise.
    """
    _choose(Act.LEAVE, lines, everything=everything, yes=yes, as_json=as_json)


@app.command(epilog=example("lines undo 5001"))
def undo(lines: Annotated[list[int], typer.Argument(metavar="LINE...")], *, as_json: AsJson = False) -> None:
    """Take back that lines were ended, which restores their last day in ConnectWise, or that they are left."""
    _choose(Act.UNDO, lines, everything=False, yes=False, as_json=as_json)


def _choose(act: Act, lines: list[int] | None, *, everything: bool, yes: bool, as_json: bool) -> None:
    with setup_command(as_json=as_json) as running:
        if bool(lines) is everything:
            raise UsageError("Give the ids of lines, or --all. `cw-pipeline lines by-hand` lists them.")
        run = running.sync_run(f"lines {act}")
        with running.working("Reading the lines in ConnectWise"):
            found = lazy.by_hand.lines_by_hand(run)
        ids = lines or lazy.by_hand.proposed(found, act)
        if everything and ids and not yes:
            running.table(*lazy.by_hand_in_words.listed([one for one in found if one.line.addition_id in ids]))
            running.confirm(
                f"{act.capitalize()} {counted(len(ids), 'line')}?",
                refusal="Nothing was changed. If that is meant for all of them, give --yes.",
            )
        chosen: Sequence[Chosen] = lazy.by_hand_choices.choose(run, found, act, ids)
        running.document({"lines": [_document(one.line) | {"done": one.done, "result": one.result} for one in chosen]})
        running.table(*lazy.by_hand_in_words.results(chosen))
        if not all(one.done for one in chosen):
            running.exit_code = HELD_OR_FAILED
            running.say("Not all was done: see the results, and `cw-pipeline lines by-hand`.")
        elif chosen:
            running.say("`cw-pipeline status` shows which months are to be synced now.")
        else:
            running.say("Nothing was changed: that is proposed for no line.")


def _document(one: LineByHand) -> dict[str, object]:
    line = one.line
    return {
        "addition_id": line.addition_id,
        "agreement_id": line.agreement_id,
        "agreement_name": one.agreement.name,
        "company_id": one.agreement.company_id,
        "company_name": one.agreement.company_name,
        "organizations": list(one.organizations),
        "product": one.product,
        "quantity": number(line.quantity),
        "first_day": line.effective_date,
        "last_day": line.cancelled_date,
        "may_bill_until": one.last_day,
        "proposal": one.proposal,
        "choice": one.choice,
    }
