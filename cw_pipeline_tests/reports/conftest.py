"""What reports are made of: a warehouse whose rows a test writes, or the small MSP that is synced."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cw_pipeline_tests.support.rows import put, three_companies
from cw_pipeline_tests.sync.conftest import (
    msp,
    sandbox,
    set_up_database,
    sqlite_warehouse,
    synced,
    synced_on_both_databases,
    worlds,
)

if TYPE_CHECKING:
    from cw_pipeline.warehouse.database import Warehouse

__all__ = ["msp", "sandbox", "set_up_database", "sqlite_warehouse", "synced", "synced_on_both_databases", "worlds"]


@pytest.fixture
def connected(warehouse: Warehouse) -> Warehouse:
    """A connected warehouse: three companies, the first with two agreements, and three organizations."""
    put(warehouse, *three_companies())
    return warehouse
