"""The jobs of the monthly assets, `monthly_sync`, `sync_now` and `preview`, and `import_companies` before them."""

import dagster as dg

from cw_pipeline.orchestration.assets.month_report import MONTH_REPORT
from cw_pipeline.orchestration.assets.months import PREVIEW, PUSH, USAGE
from cw_pipeline.orchestration.assets.setup import (
    agreements,
    imported_companies,
    mapped_organizations,
    nordpass_organizations,
)
from cw_pipeline.orchestration.tenant import TAGS

_MONTHLY = dg.AssetSelection.assets(USAGE.key, PREVIEW.key, PUSH.key, MONTH_REPORT.key)

monthly_sync = dg.define_asset_job(
    "monthly_sync",
    selection=_MONTHLY,
    tags=TAGS,
    description="A month's usage, preview, push and report; what the schedule runs.",
)
sync_now = dg.define_asset_job(
    "sync_now",
    selection=_MONTHLY,
    tags=TAGS,
    description="Sync any closed month at once, also again: lines that are right stay, open ones are corrected.",
)
preview = dg.define_asset_job(
    "preview",
    selection=dg.AssetSelection.assets(USAGE.key, PREVIEW.key),
    tags=TAGS,
    description="The dry run: a month's usage and preview. Nothing is written to ConnectWise.",
)
import_companies = dg.define_asset_job(
    "import_companies",
    selection=dg.AssetSelection.assets(imported_companies, agreements, nordpass_organizations, mapped_organizations),
    tags=TAGS,
    description="Import companies, agreements and organizations again. Mappings are kept.",
)
