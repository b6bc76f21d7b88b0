"""`rebuild`: what it finds is said, and makes the next sync write nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cw_pipeline.settings import Settings
from cw_pipeline.warehouse import tables
from cw_pipeline.warehouse.database import Warehouse
from cw_pipeline_tests.cli.conftest import run
from cw_pipeline_tests.support.active import LAST_CLOSED

if TYPE_CHECKING:
    from cw_pipeline.sandbox import Sandbox
    from cw_pipeline_tests.support.active import Active

MONTH = str(LAST_CLOSED)


def forget() -> None:
    """Restore a backup of the warehouse that was made before the first sync."""
    warehouse = Warehouse(Settings().database_url, who="a test")
    with warehouse.transaction() as session:
        for table in (tables.PushLineRow, tables.PushRow, tables.PreviewLineRow, tables.PreviewRow, tables.LedgerEntry):
            session.query(table).delete()
    warehouse.close()


def test_a_rebuild_reports_its_finds_and_the_next_sync_writes_nothing(sandbox: Sandbox, active: Active) -> None:
    run("sync", "--month", MONTH)
    forget()
    sandbox.journal.clear()
    refused = run("sync", "--month", MONTH, "--json")
    assert refused.code == 1
    assert "run `cw-pipeline rebuild`, then sync again" in refused.document["months"][0]["error"]
    rebuilt = run("rebuild", "--json")
    assert rebuilt.code == 0
    found = rebuilt.document["found"]
    assert {line["organization_id"] for line in found} <= {one.organization_id for one in active.mapped}
    assert {line["month"] for line in found} == {MONTH}
    again = run("rebuild")
    assert again.code == 0
    assert "New to this warehouse: 0 lines" in " ".join(again.out.split())
    assert run("sync", "--month", MONTH).code == 0
    assert sandbox.journal.writes() == []


def test_a_rebuild_shows_how_many_lines_of_each_month_it_found(active: Active) -> None:
    run("sync", "--month", MONTH)
    forget()
    shown = run("rebuild")
    assert shown.code == 0
    assert active.mapped
    row = next(line.split() for line in shown.out.splitlines() if line.split()[:1] == [MONTH])
    assert int(row[1]) > 0
    assert int(row[2]) > int(row[1])


@pytest.mark.usefixtures("sandbox")
def test_a_rebuild_of_what_is_not_set_up_ends_with_2() -> None:
    refused = run("rebuild", "--json")
    assert refused.code == 2
    assert "cw-pipeline connect" in refused.document["error"]
