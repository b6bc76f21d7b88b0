"""The job `lines_by_hand`."""

from collections.abc import Sequence

import dagster as dg
from pydantic import Field

from cw_pipeline.billing.by_hand import Act
from cw_pipeline.orchestration.assets.months import PUSH
from cw_pipeline.orchestration.assets.setup import materialized_mapping
from cw_pipeline.orchestration.failures import Failed, failing_the_run
from cw_pipeline.orchestration.launchpad import launchable
from cw_pipeline.orchestration.metadata import table
from cw_pipeline.orchestration.resources import Access
from cw_pipeline.reports import by_hand
from cw_pipeline.setup.by_hand import choose
from cw_pipeline.wording.lines_by_hand import listed


class ByHandConfig(dg.Config):
    """What is to become of lines that people keep by hand; with nothing set, the run only shows them."""

    end: list[int] = Field(
        default=[], description="Ids of lines to end in ConnectWise, the day before the first line of ours begins."
    )
    leave: list[int] = Field(
        default=[], description="Ids of lines to leave as they are, because they bill something else."
    )
    undo: list[int] = Field(
        default=[],
        description="Ids of lines that were ended, whose last day is restored in ConnectWise, or that are left.",
    )
    end_all: bool = Field(default=False, description="End every line for which that is proposed.")
    leave_all: bool = Field(default=False, description="Leave every line for which that is proposed.")


_EXAMPLE = """\
# As it stands, the run only shows the lines kept by hand, and what is proposed for each.
ops:
  choose_lines_by_hand:
    config:
      end: []            # ids, such as [5001, 5002]: they end the day before ours begin
      leave: []          # ids of lines that bill something else
      undo: []           # ids of lines for which that is taken back
      end_all: false     # true: end every line for which that is proposed
      leave_all: false   # true: leave every line for which that is proposed
"""


@dg.op
def choose_lines_by_hand(context: dg.OpExecutionContext, config: ByHandConfig, access: Access) -> None:
    """End lines in ConnectWise, leave them, or undo either; with nothing set, show them."""
    with failing_the_run(), access.sync_run(context.run.run_id, context.log.info) as run:
        found = by_hand.lines_by_hand(run)
        wanted = {
            Act.END: by_hand.proposed(found, Act.END) if config.end_all else config.end,
            Act.LEAVE: by_hand.proposed(found, Act.LEAVE) if config.leave_all else config.leave,
            Act.UNDO: config.undo,
        }
        asked = [act for act, ids in wanted.items() if ids]
        if not asked:
            context.log.info(f"Nothing was changed. Lines that are kept by hand: {len(found)}.")
            context.log_event(dg.AssetObservation(PUSH.key, metadata={"by_hand": _shown(found)}))
            return
        if len(asked) > 1:
            raise Failed(f"Nothing was changed. Give one of {' and '.join(asked)}.")
        chosen = choose(run, found, asked[0], wanted[asked[0]])
        for one in chosen:
            context.log.info(
                f"Line {one.line.line.addition_id} of {one.line.agreement.company_name} on agreement "
                f"{one.line.line.agreement_id}: {one.result}"
            )
        context.log_event(materialized_mapping(run.warehouse))
    if failed := [f"Line {one.line.line.addition_id}: {one.result}" for one in chosen if not one.done]:
        raise Failed("\n".join(failed))


def _shown(found: Sequence[by_hand.LineByHand]) -> dg.MetadataValue:
    return table(*listed(found))


@launchable(_EXAMPLE)
def lines_by_hand() -> None:
    """Lines that people keep by hand on mapped agreements, and that bill the same product as ours.

    End them, leave those that bill something else, or undo either. As it stands, the run changes nothing, and shows
    the lines and what is proposed for each.
    """
    choose_lines_by_hand()
