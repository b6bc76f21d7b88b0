"""The job `lines_by_hand`."""

import dagster as dg
from pydantic import Field

from cw_pipeline.billing.by_hand import Act
from cw_pipeline.orchestration.assets.months import PUSH
from cw_pipeline.orchestration.assets.setup import materialized_mapping
from cw_pipeline.orchestration.failures import Failed
from cw_pipeline.orchestration.launchpad import JobConfig, one_op_job
from cw_pipeline.orchestration.metadata import table
from cw_pipeline.orchestration.resources import Access
from cw_pipeline.reports import by_hand
from cw_pipeline.setup.by_hand import choose
from cw_pipeline.wording import cells


class ByHandConfig(JobConfig):
    """What to do with lines that people keep by hand: one of end, leave and undo."""

    end: list[int] = Field(default=[])
    """Ids of lines, as [5001, 5002], to end in ConnectWise on the day before the first line of ours begins."""
    leave: list[int] = Field(default=[])
    """Ids of lines to leave as they are, because they bill something else."""
    undo: list[int] = Field(default=[])
    """Ids of lines that were ended, to restore their last day in ConnectWise, or that were left."""
    end_all: bool = False
    """End every line for which that is proposed."""
    leave_all: bool = False
    """Leave every line for which that is proposed."""


@dg.op
def choose_lines_by_hand(context: dg.OpExecutionContext, config: ByHandConfig, access: Access) -> None:
    """Decide about lines that people keep by hand on mapped agreements, and that bill the same product as ours.

    End them, leave those that bill something else, or undo either. With nothing set, the run changes nothing, and shows
    the lines and what is proposed for each.
    """
    with access.sync_run(context) as run:
        lines = by_hand.lines_by_hand(run)
        requested = {
            Act.END: by_hand.proposed(lines, Act.END) if config.end_all else config.end,
            Act.LEAVE: by_hand.proposed(lines, Act.LEAVE) if config.leave_all else config.leave,
            Act.UNDO: config.undo,
        }
        acts = [act for act, ids in requested.items() if ids]
        if not acts:
            context.log.info(f"Nothing was changed. Lines that are kept by hand: {len(lines)}.")
            context.log_event(dg.AssetObservation(PUSH.key, metadata={"by_hand": table(*cells.lines_by_hand(lines))}))
            return
        if len(acts) > 1:
            raise Failed(f"Nothing was changed. Give one of {' and '.join(acts)}.")
        chosen = choose(run, lines, acts[0], requested[acts[0]])
        for choice in chosen:
            line, agreement = choice.kept.line, choice.kept.agreement
            context.log.info(
                f"Line {line.addition_id} of {agreement.company_name} on agreement {line.agreement_id}: {choice.result}"
            )
        context.log_event(materialized_mapping(run.warehouse))
    if failed := [f"Line {choice.kept.line.addition_id}: {choice.result}" for choice in chosen if not choice.done]:
        raise Failed("\n".join(failed))


lines_by_hand = one_op_job("lines_by_hand", choose_lines_by_hand, ByHandConfig)
