"""The job `reconcile`."""

import dagster as dg

from cw_pipeline.orchestration.assets.reconciliation import reconciliation
from cw_pipeline.orchestration.launchpad import described
from cw_pipeline.orchestration.tenant import TAGS

_EXAMPLE = f"""\
# Nothing is written.
ops:
  {reconciliation.op.name}:
    config:
      first: ""   # first month, such as 2024-12, to look further back than twelve months
"""

reconcile = dg.define_asset_job(
    "reconcile",
    selection=dg.AssetSelection.assets(reconciliation),
    tags=TAGS,
    description=described(
        "reconcile",
        "Compare our invoiced lines with ConnectWise's invoices: whether each is on one, once, and with its quantity. "
        "The API member needs a right to read invoices, which `connect` shows. Nothing is written.",
        _EXAMPLE,
    ),
)
