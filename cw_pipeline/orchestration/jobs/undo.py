"""The job `undo`."""

from collections.abc import Iterator

import dagster as dg

from cw_pipeline.orchestration.assets.months import PUSH
from cw_pipeline.orchestration.assets.setup import materialized_mapping
from cw_pipeline.orchestration.failures import Failed
from cw_pipeline.orchestration.launchpad import JobConfig, one_op_job
from cw_pipeline.orchestration.metadata import table
from cw_pipeline.orchestration.resources import Access
from cw_pipeline.orchestration.runs import recorded_pushes
from cw_pipeline.orchestration.tenant import PUSH_POOL
from cw_pipeline.orchestration.unpushed import evaluate_unpushed
from cw_pipeline.setup.undo import Result, undo_run
from cw_pipeline.wording import cells
from cw_pipeline.wording.launchpad import in_the_ui
from cw_pipeline.wording.undo import what_next


class UndoConfig(JobConfig):
    """Which run to undo."""

    run: str = ""
    """The id of a run of sync_now or monthly_sync, or at least its first four characters. If empty, nothing is done."""
    confirm: bool = False
    """Write it. Without this, the run only shows what would be written."""


@dg.op(pool=PUSH_POOL)
def undo_writes(
    context: dg.OpExecutionContext, config: UndoConfig, access: Access
) -> Iterator[dg.AssetCheckEvaluation | dg.Output[None]]:
    """Undo a run: give each line that it wrote the quantity that it had before, 0 where the run created it.

    Lines that are invoiced, gone, or changed since are named and left. The months are due again afterwards. Without
    confirm, nothing is written, and the run shows what would be.
    """
    if config.run:
        yield from _undo(context, config, access)
    else:
        context.log.info("Nothing was undone: give a run.")
    yield dg.Output(None)


def _undo(context: dg.OpExecutionContext, config: UndoConfig, access: Access) -> Iterator[dg.AssetCheckEvaluation]:
    with access.sync_run(context) as run:
        recorded = recorded_pushes(context.instance)
        undone = undo_run(run, config.run, recorded, confirmed=config.confirm)
        context.log_event(dg.AssetObservation(PUSH.key, metadata={"undo": table(*cells.undone(undone.lines))}))
        next_step = what_next(undone.run_id, undone.months, left=undone.left, confirmed=config.confirm)
        if config.confirm:
            context.log_event(materialized_mapping(run.warehouse))
            yield evaluate_unpushed(run.warehouse)
        if any(line.result is Result.FAILED for line in undone.lines):
            raise Failed(next_step)
        (context.log.warning if undone.left else context.log.info)(in_the_ui(next_step))


undo = one_op_job("undo", undo_writes, UndoConfig)
