"""What people read when a run is undone: why lines are left as they are, and what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cw_pipeline.billing.outcomes import Outcome
from cw_pipeline.billing.undo import Kept
from cw_pipeline.vocabulary import counted
from cw_pipeline.wording.commands import month_options
from cw_pipeline.wording.outcomes import LABELS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cw_pipeline.billing.undo import UndoLine
    from cw_pipeline.vocabulary import Month

_SENTENCES = {
    Kept.UNSETTLED: "It is not known yet what became of an earlier write. Sync the month, then undo the run again.",
    Kept.UNREAD: "ConnectWise shows something of this organization that cannot be read: see `cw-pipeline preview`.",
    Kept.GONE: "ConnectWise does not show the line any more.",
    Kept.INVOICED: "The line is invoiced. If that was too much, issue a credit in ConnectWise.",
    Kept.UNCLEAR: "It is not clear whether the line was invoiced. `cw-pipeline preview` says what to do.",
    Kept.EDITED: "The line was changed in ConnectWise by hand.",
    Kept.NOT_MAPPED: (
        "The organization is not billed to this agreement's company for the month, so nothing is added there. Map it "
        "back first, if it should be."
    ),
    Kept.BY_HAND: "People bill the same product by hand on this agreement. See `cw-pipeline lines by-hand`.",
    Kept.WAITING: "Another line of the month is left as it is, and has the seats. They would be billed twice.",
}


def why_kept(line: UndoLine) -> str:
    """Why a line is left as it is, and what to do about it if anything can be done."""
    if line.kept is Kept.CHANGED:
        return f"Lines of the organization's month were changed or accepted since, by run {line.changed_by}."
    if isinstance(line.kept, Outcome):
        return f"{LABELS[line.kept]}."
    return _SENTENCES[line.kept] if line.kept else ""


def short_run(run_id: str) -> str:
    """The first characters of a run's id, without the name of its command."""
    return run_id.rsplit(" ", maxsplit=1)[-1][:8]


def what_next(run_id: str, months: Sequence[Month], *, left: int, confirmed: bool) -> str:
    """What an undo did, or would do, and what to do next.

    Args:
        run_id: The run that is undone.
        months: The months of the lines that are undone, or are to be.
        left: How many lines were left, or failed.
        confirmed: Whether it was carried out.
    """
    some_left = f"{counted(left, 'line was', 'lines were')} not undone: see the reasons. " if left else ""
    if not months:
        return f"{some_left}There is nothing to undo of run {run_id}."
    due = f"{', '.join(map(str, months))} {'is' if len(months) == 1 else 'are'} due again"
    if not confirmed:
        return f"{some_left}Nothing was written. To write it, run `cw-pipeline undo {short_run(run_id)} --yes`."
    again = month_options(months[0], months[-1])
    return (
        f"{some_left}Run {run_id} is undone as far as it could be. So {due}, also for the next tick of the schedule. "
        "Mend what was wrong, such as a mapping, a product or the usage in NordPass; then run "
        f"`cw-pipeline sync {again}`."
    )
