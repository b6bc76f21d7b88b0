"""`undo`: give the lines of a run back the quantities that they had before."""

from __future__ import annotations

from typing import Annotated

import typer

from cw_pipeline.cli import lazy
from cw_pipeline.cli.command import setup_command
from cw_pipeline.cli.options import AsJson
from cw_pipeline.cli.output import number
from cw_pipeline.errors import HELD_OR_FAILED
from cw_pipeline.wording.undo import what_next


def undo(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="The run's id, or its first characters, as `history` shows them.")
    ],
    *,
    yes: Annotated[
        bool, typer.Option("--yes", help="Write it. Without this, only show what would be written.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Undo a run: give each line that it wrote the quantity that it had before, 0 where the run created the line.

    Lines that are invoiced, gone, or changed since by another run or by hand are named and left. The months are due
    again afterwards, and the next tick of the schedule pushes them: mend first what was wrong.
    """
    with setup_command(as_json=as_json) as running:
        recorded = lazy.runs.recorded_pushes(running.dagster)
        sync_run = running.sync_run("undo")
        with running.working("Reading the lines in ConnectWise"):
            undone = lazy.undo.undo_run(sync_run, run, recorded, confirmed=yes)
        running.document(
            {
                "run_id": undone.run_id,
                "months": undone.months,
                "lines": [
                    {
                        "month": one.line.wrote.identity.month,
                        "organization_id": one.line.wrote.identity.organization_id,
                        "organization_name": one.organization_name,
                        "plan": one.line.wrote.identity.plan,
                        "agreement_id": one.line.wrote.agreement_id,
                        "addition_id": one.line.wrote.addition_id,
                        "before_the_run": number(one.line.wrote.before),
                        "written": number(one.line.wrote.quantity),
                        "now": None if one.line.now is None else number(one.line.now),
                        "result": one.result,
                        "reason": one.reason or None,
                    }
                    for one in undone.lines
                ],
            }
        )
        running.table(*lazy.cells.undone(undone.lines))
        running.say(what_next(undone.run_id, undone.months, left=undone.left, confirmed=yes))
        if yes and undone.left:
            running.exit_code = HELD_OR_FAILED
