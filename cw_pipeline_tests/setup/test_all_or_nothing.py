"""An act whose record cannot be kept changes nothing."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event

from cw_pipeline.setup.audit import AuditAction
from cw_pipeline.setup.connection import disconnect
from cw_pipeline.vocabulary import Plan
from cw_pipeline.warehouse.tables import AuditEntry, Base
from cw_pipeline_tests.setup.actions import apply_mappings, map_company
from cw_pipeline_tests.setup.conftest import write
from cw_pipeline_tests.support.rows import product, product_mapping, put

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from cw_pipeline.warehouse.database import Warehouse


@contextmanager
def no_record_of(action: AuditAction) -> Generator[None]:
    """Let the warehouse fail when this action is to be recorded, after all that it changed was sent there."""

    def fail(_mapper: object, _connection: object, entry: AuditEntry) -> None:
        if entry.action == action:
            raise RuntimeError("the disk is full")

    event.listen(AuditEntry, "before_insert", fail)
    try:
        yield
    finally:
        event.remove(AuditEntry, "before_insert", fail)


def everything(warehouse: Warehouse) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all tables."""
    with warehouse.transaction() as session:
        return {
            table.name: [tuple(row) for row in session.execute(table.select())] for table in Base.metadata.sorted_tables
        }


@pytest.fixture
def mapped(msp: Warehouse) -> Warehouse:
    """Two companies are mapped, and a product."""
    put(msp, product(3), product_mapping(Plan.BUSINESS, 3))
    map_company(msp, 1, 11, "org-acme")
    map_company(msp, 2, 21, "org-bolt")
    return msp


def remap_map_and_unmap(warehouse: Warehouse, folder: Path) -> None:
    file = write(folder / "m.csv", "1,,12,,org-acme,,2026-03", "2,,,,,,", "3,,31,,org-core,,2026-03")
    apply_mappings(warehouse, file, accept_warnings=True)


def take_all_down(warehouse: Warehouse, folder: Path) -> None:
    disconnect(warehouse, folder / "backup.csv")


@pytest.mark.parametrize(
    ("act", "action"),
    [
        (remap_map_and_unmap, AuditAction.APPLY_MAPPINGS),
        (remap_map_and_unmap, AuditAction.UNMAP_COMPANY),
        (take_all_down, AuditAction.DISCONNECT),
    ],
)
def test_an_action_that_cannot_be_logged_changes_nothing(
    act: Callable[[Warehouse, Path], None], action: AuditAction, mapped: Warehouse, tmp_path: Path
) -> None:
    before = everything(mapped)
    with no_record_of(action), pytest.raises(RuntimeError, match="the disk is full"):
        act(mapped, tmp_path)
    assert everything(mapped) == before
    (tmp_path / "backup.csv").unlink(missing_ok=True)
    act(mapped, tmp_path)
    after = everything(mapped)
    assert {name for name, rows in after.items() if rows != before[name]} >= {"company_mappings", "acts"}
