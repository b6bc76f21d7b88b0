from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cw_pipeline.setup.connection import connect
from cw_pipeline.setup.imports import import_agreements, import_companies
from cw_pipeline.setup.mapping_file import export_mappings
from cw_pipeline.setup.organizations import refresh_organizations
from cw_pipeline.setup.products import confirm_products, map_product
from cw_pipeline.setup.suggest import suggest_mappings
from cw_pipeline.vocabulary import Plan
from cw_pipeline_tests.setup.actions import apply_mappings
from cw_pipeline_tests.setup.conftest import logged

if TYPE_CHECKING:
    from pathlib import Path

    from cw_pipeline.connectwise.client import ConnectWiseClient
    from cw_pipeline.nordpass.source import NordPass
    from cw_pipeline.warehouse.database import Warehouse


def test_what_changes_nothing_is_not_logged_except_connecting(
    warehouse: Warehouse, client: ConnectWiseClient, nordpass: NordPass, tmp_path: Path
) -> None:
    file = tmp_path / "mappings.csv"

    def set_up() -> list[str]:
        connect(client, warehouse)
        map_product(client, warehouse, Plan.BUSINESS, "NORDPASS-BUS")
        confirm_products(warehouse)
        import_companies(client, warehouse, ["Client"], ["Active"])
        import_agreements(client, warehouse)
        refresh_organizations(nordpass, warehouse)
        if not file.exists():
            export_mappings(warehouse, file, suggestions=suggest_mappings(warehouse))
        apply_mappings(warehouse, file, now=datetime.now(UTC))
        return [action for action, *_ in logged(warehouse)]

    once = set_up()
    assert {"connect", "map product", "confirm products", "import", "apply mapping file"} <= set(once)
    assert set_up()[len(once) :] == ["connect"]
