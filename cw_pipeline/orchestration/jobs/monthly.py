# Dagster's decorators are not fully annotated.
# pyright: reportUnknownMemberType=false
"""The jobs: the monthly sync, and one for each act of the life cycle."""

from __future__ import annotations

import dagster as dg

from cw_pipeline.orchestration.assets.drift import unpushed_months
from cw_pipeline.orchestration.assets.months import PREVIEW, PUSH, USAGE
from cw_pipeline.orchestration.jobs.accept_lines import accept_lines
from cw_pipeline.orchestration.jobs.connection import connect, disconnect
from cw_pipeline.orchestration.jobs.map_companies import add_organization, map_companies
from cw_pipeline.orchestration.jobs.map_products import map_products
from cw_pipeline.orchestration.jobs.rebuild import rebuild

# Whether other months are late is no matter of a month's own run.
_MONTHLY = dg.AssetSelection.assets(USAGE.key, PREVIEW.key, PUSH.key) - dg.AssetSelection.checks(unpushed_months)

monthly_sync = dg.define_asset_job(
    "monthly_sync", selection=_MONTHLY, description="A month's usage, preview and push; what the schedule runs."
)
sync_now = dg.define_asset_job(
    "sync_now",
    selection=_MONTHLY,
    description="Sync any closed month at once; values that were synced before are overwritten.",
)
preview = dg.define_asset_job(
    "preview",
    selection=dg.AssetSelection.assets(USAGE.key, PREVIEW.key),
    description="The dry run: a month's usage and preview. Nothing is written to ConnectWise.",
)
import_companies = dg.define_asset_job(
    "import_companies",
    selection=dg.AssetSelection.assets("imported_companies", "agreements", "organizations", "mapped_organizations"),
    description="Import companies, agreements and organizations again. Mappings are kept.",
)

ALL = [
    monthly_sync,
    sync_now,
    preview,
    connect,
    map_products,
    import_companies,
    map_companies,
    add_organization,
    accept_lines,
    rebuild,
    disconnect,
]
