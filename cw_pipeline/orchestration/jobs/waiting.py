"""The lines that wait for a person, as the jobs that settle them show them."""

from collections.abc import Iterable

import dagster as dg

from cw_pipeline.billing.outcomes import FAILED, HELD
from cw_pipeline.billing.preview import PreviewLine
from cw_pipeline.orchestration.metadata import table
from cw_pipeline.vocabulary import Month, plain
from cw_pipeline.wording.outcomes import with_also


def waiting_lines(lines: Iterable[tuple[Month, PreviewLine]], *, none: str) -> dg.MetadataValue:
    """A table of these lines of months' previews; the sentence `none` if there are none."""
    rows = [
        (
            month,
            f"{line.organization_name} ({line.organization_id})",
            line.plan,
            with_also(line),
            plain(line.seats),
            None if line.to_credit is None else plain(line.to_credit),
            _why(line),
        )
        for month, line in lines
    ]
    headings = ("Month", "Organization", "Plan", "Outcome", "Seats", "To credit", "Reason")
    return table(headings, rows) if rows else dg.MetadataValue.text(none)


def _why(line: PreviewLine) -> str:
    """The line's warning, and the reason of one that is stuck; that of another says only that nothing is to be done."""
    reason = line.reason if line.outcome in HELD | FAILED or not line.warning else None
    return " ".join(filter(None, (line.warning, reason)))
