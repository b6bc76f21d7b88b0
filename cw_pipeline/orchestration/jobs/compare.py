"""The job `compare`."""

from datetime import UTC, datetime

import dagster as dg
from pydantic import Field

from cw_pipeline.orchestration.assets.months import PREVIEW
from cw_pipeline.orchestration.failures import failing_the_run
from cw_pipeline.orchestration.launchpad import launchable
from cw_pipeline.orchestration.metadata import wide_table
from cw_pipeline.orchestration.resources import Access
from cw_pipeline.reports import changes
from cw_pipeline.vocabulary import Month, counted
from cw_pipeline.wording.changes import changes as in_words


class CompareConfig(dg.Config):
    """Two months, each as it was synced last or, if it never was, as it was previewed last; or previews of them."""

    before: str = Field(
        default="", description="A month, as 2026-02, or the id of a preview. Left empty: the month before the last."
    )
    after: str = Field(default="", description="A month or a preview, likewise. Left empty: the last closed month.")


_EXAMPLE = """\
# Nothing is changed: the run shows what differs, line by line.
ops:
  find_differences:
    config:
      before: ""   # a month (2026-02) or a preview's id; empty: the month before the last
      after: ""    # likewise; empty: the last closed month
"""


@dg.op
def find_differences(context: dg.OpExecutionContext, config: CompareConfig, access: Access) -> None:
    """Show what differs between two months, or two previews. Nothing is changed."""
    last = Month.last_closed(datetime.now(UTC))
    asked = config.before or str(last.plus(-1)), config.after or str(last)
    with failing_the_run(), access.warehouse() as warehouse, warehouse.transaction() as session:
        found = changes.compare(session, *asked)
    headings, rows = in_words(found.changes, *found.names)
    sentence = f"{found.before} and {found.after}: {counted(len(rows), 'line differs', 'lines differ')}."
    context.log.info(sentence)
    details = {"differences": wide_table(headings, rows, sentence)}
    context.log_event(dg.AssetObservation(PREVIEW.key, partition=str(found.after.preview.month), metadata=details))


@launchable(_EXAMPLE)
def compare() -> None:
    """Show what differs between two months, or two previews of a month, line by line.

    Seats, plan, agreement, outcome, and what that is worth. Nothing is changed.
    """
    find_differences()
