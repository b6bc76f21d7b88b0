"""The check that every closed month is pushed: none is late, and none waits for a person's approval."""

from datetime import UTC, datetime, timedelta

import dagster as dg
from sqlalchemy.orm import Session

from cw_pipeline.orchestration.checks import evaluation
from cw_pipeline.orchestration.metadata import names
from cw_pipeline.orchestration.partitions import first_month
from cw_pipeline.orchestration.resources import Access
from cw_pipeline.orchestration.tenant import PUSH_KEY, SCHEDULE, asset_key
from cw_pipeline.reports.status import Status, status
from cw_pipeline.settings import Approval
from cw_pipeline.warehouse.database import Warehouse
from cw_pipeline.warehouse.previews import stored_preview
from cw_pipeline.warehouse.tables import PreviewRow
from cw_pipeline.wording.cells import of_unpushed_months
from cw_pipeline.wording.commands import sync_or_approve
from cw_pipeline.wording.launchpad import in_the_ui
from cw_pipeline.wording.seats import where_seats_go

CLOSED_MONTHS = dg.AssetSpec(
    asset_key("closed_months"),
    deps=[PUSH_KEY],
    description=(
        "Every month that has ended. Nothing materializes this asset, so that no run of a month makes Dagster skip or "
        "hide its check, which covers all months."
    ),
    kinds={"python"},
)
GRACE = SCHEDULE.after_month + timedelta(hours=2, minutes=30)
"""How long after its end a month is not late yet: once its sync is due, it may try again for an hour."""


@dg.asset_check(asset=CLOSED_MONTHS.key, description="Every closed month that companies are billed for is pushed.")
def unpushed_months(context: dg.AssetCheckExecutionContext, access: Access) -> dg.AssetCheckResult:
    """Whether any month is late: the schedule did not run, its run failed, or something changed since."""
    with access.warehouse(context) as warehouse:
        return check_unpushed(warehouse, datetime.now(UTC))


(_KEY,) = unpushed_months.check_keys
NAME = _KEY.name


def evaluate_unpushed(warehouse: Warehouse) -> dg.AssetCheckEvaluation:
    """The check's result, for a run after which other months are due, or wait for approval."""
    return evaluation(_KEY, check_unpushed(warehouse, datetime.now(UTC)))


def check_unpushed(warehouse: Warehouse, now: datetime) -> dg.AssetCheckResult:
    """Whether any month has to be pushed that ended at least `GRACE` before `now`, or that waits for approval."""
    approval = Approval().approval_required
    state = status(warehouse, first_month=first_month(), now=now, approval=approval)
    late = state.late(now - GRACE)
    if not late:
        return dg.AssetCheckResult(passed=True, severity=dg.AssetCheckSeverity.ERROR, metadata={"months": []})
    only_wait = late.keys() <= state.to_approve.keys()
    see_runs = "" if only_wait else " The months' runs say why."
    with warehouse.transaction() as session:
        due = [f"{month}: {_why(session, state, month)}" for month in late]
    return dg.AssetCheckResult(
        passed=False,
        severity=dg.AssetCheckSeverity.WARN if only_wait else dg.AssetCheckSeverity.ERROR,
        description=in_the_ui(
            f"Not pushed, or changed since: {of_unpushed_months(late)}.{see_runs} "
            f"{sync_or_approve(late, state.to_approve, approval=approval)}"
        ),
        metadata={"due": names(due), "months": list(late), "to_approve": state.to_approve},
    )


def _why(session: Session, state: Status, month: str) -> str:
    """Why a month has to be pushed and, if a preview of it waits for approval, where its seats would go."""
    why = state.why_unpushed[month]
    if month not in state.to_approve:
        return why
    preview = stored_preview(session, session.get_one(PreviewRow, state.to_approve[month])).preview
    return f"{why}. {where_seats_go(preview.lines, pushed=False)}"
