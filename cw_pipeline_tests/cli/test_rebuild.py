"""`rebuild`: what it finds is said, and makes the next sync write nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    assert {line["organization_id"] for line in found} <= {mapped.organization_id for mapped in active.mapped}
    assert {line["month"] for line in found} == {MONTH}
    again = run("rebuild")
    assert again.code == 0
    assert "New to this warehouse: 0 lines" in " ".join(again.out.split())
    assert run("sync", "--month", MONTH).code == 0
    assert sandbox.journal.writes() == []

    forget()
    for_people = run("rebuild")
    [row] = [line.split() for line in for_people.out.splitlines() if line.split()[:1] == [MONTH]]
    assert row[1:3] == [str(len(found)), str(sum(line["quantity"] for line in found))]
