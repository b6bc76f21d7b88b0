"""The job `compare`."""

from datetime import UTC, datetime

import dagster as dg

from cw_pipeline.orchestration.assets.months import PREVIEW
from cw_pipeline.orchestration.launchpad import JobConfig, one_op_job
from cw_pipeline.orchestration.metadata import wide_table
from cw_pipeline.orchestration.resources import Access
from cw_pipeline.reports import changes
from cw_pipeline.vocabulary import Month, counted
from cw_pipeline.wording.changes import changes as in_words


class CompareConfig(JobConfig):
    """Two months, each as it was last synced or, if it never was, last previewed; or two previews."""

    before: str = ""
    """A month, as 2026-02, or the id of a preview. If empty: the month before the last."""
    after: str = ""
    """A month or a preview, likewise. If empty: the last closed month."""


@dg.op
def find_differences(context: dg.OpExecutionContext, config: CompareConfig, access: Access) -> None:
    """Show line by line what differs between two months, or two previews of a month. Nothing is changed.

    The differences are in seats, plan, agreement and outcome, each with what it is worth.
    """
    last = Month.last_closed(datetime.now(UTC))
    before, after = config.before or str(last.plus(-1)), config.after or str(last)
    with access.warehouse(context) as warehouse, warehouse.transaction() as session:
        comparison = changes.compare(session, before, after)
    headings, rows = in_words(comparison.changes, *comparison.names)
    differing = counted(len(rows), "line differs", "lines differ")
    sentence = f"{comparison.before} and {comparison.after}: {differing}."
    context.log.info(sentence)
    month = str(comparison.after.preview.month)
    details = {"differences": wide_table(headings, rows, sentence)}
    context.log_event(dg.AssetObservation(PREVIEW.key, partition=month, metadata=details))


compare = one_op_job("compare", find_differences, CompareConfig)
