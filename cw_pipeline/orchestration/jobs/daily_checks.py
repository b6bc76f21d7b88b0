"""The job `daily_checks`."""

import dagster as dg

from cw_pipeline.orchestration.assets.drift import drift
from cw_pipeline.orchestration.checks import unpushed_months

daily_checks = dg.define_asset_job(
    "daily_checks",
    selection=dg.AssetSelection.assets(drift) | dg.AssetSelection.checks(unpushed_months),
    description="Looks for drift in ConnectWise and for closed months that are not pushed. Nothing is written there.",
)
