"""The job `reconcile`."""

import dagster as dg

from cw_pipeline.orchestration.assets.reconciliation import ReconcileConfig, reconciliation
from cw_pipeline.orchestration.launchpad import with_launchpad
from cw_pipeline.orchestration.tenant import TAGS

reconcile = dg.define_asset_job(
    "reconcile",
    selection=dg.AssetSelection.assets(reconciliation),
    tags=TAGS,
    description=with_launchpad(
        "reconcile",
        "Compare our invoiced lines with ConnectWise's invoices: whether each is on one, once, and with its quantity. "
        "The API member needs a right to read invoices, which `connect` shows. Nothing is written.",
        reconciliation.op.name,
        ReconcileConfig,
    ),
)
