"""The job `daily_checks`."""

import dagster as dg

from cw_pipeline.orchestration.assets.drift import drift
from cw_pipeline.orchestration.checks import NOTHING_DRIFTED
from cw_pipeline.orchestration.runs import check_evaluations
from cw_pipeline.orchestration.tenant import TAGS
from cw_pipeline.orchestration.unpushed import unpushed_months

daily_checks = dg.define_asset_job(
    "daily_checks",
    selection=dg.AssetSelection.assets(drift) | dg.AssetSelection.checks(unpushed_months),
    tags=TAGS,
    description="Looks for drift in ConnectWise and for closed months that are not pushed. Nothing is written there.",
)
_CHECKS = frozenset({NOTHING_DRIFTED.key, *unpushed_months.check_keys})


def not_passed(run_id: str, instance: dg.DagsterInstance) -> tuple[str, ...]:
    """The names of the checks that did not pass in a run of the job, or that it did not evaluate."""
    passed = {check.asset_check_key for check in check_evaluations(run_id, instance) if check.passed}
    return tuple(sorted(key.name for key in _CHECKS - passed))
