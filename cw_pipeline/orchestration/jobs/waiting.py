"""The lines that wait for a person, as the jobs that settle them show them."""

from collections.abc import Collection

import dagster as dg

from cw_pipeline.billing.outcomes import Outcome
from cw_pipeline.orchestration.metadata import table
from cw_pipeline.sync.sync_run import SyncRun
from cw_pipeline.vocabulary import plain
from cw_pipeline.warehouse.previews import latest_previews
from cw_pipeline.wording.outcomes import with_also


def waiting_lines(run: SyncRun, outcomes: Collection[Outcome]) -> dg.MetadataValue:
    """The lines of each month's latest preview that came to one of `outcomes`, or a sentence if there is none."""
    with run.warehouse.transaction() as session:
        previews = latest_previews(session, run.psa)
    waiting = [
        (
            preview.month,
            f"{line.organization_name} ({line.organization_id})",
            line.plan,
            with_also(line),
            plain(line.seats),
            None if line.to_credit is None else plain(line.to_credit),
            line.reason,
        )
        for preview in previews
        for line in preview.lines
        if line.outcome in outcomes
    ]
    headings = ("Month", "Organization", "Plan", "Outcome", "Seats", "To credit", "Reason")
    return table(headings, waiting) if waiting else dg.MetadataValue.text("No line waits for this job.")
