"""The lines that wait for a person, as the jobs that settle them show them."""

from collections.abc import Iterable

import dagster as dg

from cw_pipeline.billing.outcomes import HELD
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
            line.reason if line.outcome in HELD else line.warning or line.reason,
        )
        for month, line in lines
    ]
    headings = ("Month", "Organization", "Plan", "Outcome", "Seats", "To credit", "Reason")
    return table(headings, rows) if rows else dg.MetadataValue.text(none)
