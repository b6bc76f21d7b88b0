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
    """The names of the checks that a run of the job did not evaluate, or that did not pass; none if the run is good."""
    passed = {one.asset_check_key for one in check_evaluations(run_id, instance) if one.passed}
    return tuple(sorted(key.name for key in _CHECKS - passed))
