"""Acts of the command line, which the UI shows as materializations without a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from cw_pipeline.orchestration.assets.setup import mapped_organizations
from cw_pipeline.orchestration.setup_metadata import of_changes, of_mapping

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cw_pipeline.setup.reconcile import Changes
    from cw_pipeline.warehouse.database import Warehouse


def report_acts(
    instance: dg.DagsterInstance, warehouse: Warehouse, imported: Mapping[str, Changes] | None = None
) -> None:
    """Record what was ``imported``, by asset, and how much is mapped now."""
    for asset, changes in (imported or {}).items():
        instance.report_runless_asset_event(dg.AssetMaterialization(asset, metadata=of_changes(changes)))
    instance.report_runless_asset_event(
        dg.AssetMaterialization(mapped_organizations.key, metadata=of_mapping(warehouse))
    )
