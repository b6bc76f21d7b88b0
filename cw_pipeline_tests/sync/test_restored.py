"""A warehouse restored from a backup that is older than what ConnectWise has: nothing is billed twice."""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from cw_pipeline.reports.drift.find import find_drift
from cw_pipeline.sandbox.nordpass.seed import organization_id
from cw_pipeline.setup.accept import accept_lines
from cw_pipeline.setup.errors import NotPossible
from cw_pipeline.setup.rebuild import rebuild
from cw_pipeline.warehouse.database import Warehouse
from cw_pipeline_tests.support.clients import TODAY
from cw_pipeline_tests.support.fake_msp import MAPPED, MARCH, Msp, agreement_id, company_id

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

ONE = 3
"""The company that something happens to after the backup."""
OTHERS = tuple(place for place in MAPPED if place != ONE)
SPARE = 24
"""A company without an organization, whose agreement is like that of `ONE`."""


def back_up(msp: Msp, file: Path) -> None:
    """Copy the warehouse to `file`, as it is now."""
    database = str(msp.run.warehouse.engine.url.database)
    with closing(sqlite3.connect(database)) as warehouse, closing(sqlite3.connect(file)) as copy:
        warehouse.backup(copy)


@contextmanager
def restored_from(file: Path, msp: Msp) -> Generator[Msp]:
    """The same MSP, for whose warehouse all that came after the backup did not happen."""
    with closing(Warehouse(f"sqlite:///{file}")) as warehouse:
        yield replace(msp, run=replace(msp.run, warehouse=warehouse), previews=[])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the backup is."""
    return tmp_path / "backup.db"


@pytest.mark.parametrize("invoiced", [False, True], ids=["open", "invoiced"])
def test_lines_created_after_the_backup_are_found_by_serial_number(msp: Msp, file: Path, *, invoiced: bool) -> None:
    back_up(msp, file)
    assert msp.sync().outcomes() == ["created"] * len(MAPPED)
    if invoiced:
        for place in MAPPED:
            msp.sandbox.connectwise.invoice(agreement_id(place))
    written = msp.written()
    with restored_from(file, msp) as restored:
        assert restored.sync().outcomes() == ["unchanged"] * len(MAPPED)
        assert restored.written() == written
        with pytest.raises(NotPossible, match="as it was written"):
            accept_lines(restored.run, MARCH, organization_id(ONE))
        restored.use(8)
        assert restored.sync().month.succeeded
        assert [sum(restored.quantities(place)) for place in MAPPED] == [8] * len(MAPPED)


def test_a_quantity_invoiced_after_the_backup_is_held_until_accepted(msp: Msp, file: Path) -> None:
    msp.sync()
    back_up(msp, file)
    msp.use(8)
    assert msp.sync().outcomes() == ["updated"] * len(MAPPED)
    msp.sandbox.connectwise.invoice(agreement_id(ONE))
    written = msp.written()
    with restored_from(file, msp) as restored:
        pushed = restored.sync()
        assert pushed.outcomes(ONE) == ["invoice_unclear"]
        assert pushed.outcomes(*OTHERS) == ["unchanged"] * len(OTHERS)
        accept_lines(restored.run, MARCH, organization_id(ONE))
        assert restored.sync().outcomes() == ["unchanged"] * len(MAPPED)
        assert restored.written() == written


def test_after_a_restore_remapping_first_means_nothing_is_written(msp: Msp, file: Path) -> None:
    msp.sync()
    back_up(msp, file)
    msp.sandbox.connectwise.edit_agreement(agreement_id(SPARE), company=company_id(ONE))
    msp.map(ONE, agreement=agreement_id(SPARE))
    assert msp.sync().outcomes(ONE) == ["created"]
    written = msp.written()
    with restored_from(file, msp) as restored:
        restored.map(ONE, agreement=agreement_id(SPARE))
        rebuild(restored.run)
        assert restored.sync().outcomes() == ["unchanged"] * len(MAPPED)
        assert restored.written() == written
        assert sum(restored.quantities(ONE)) == 5


def test_drift_does_not_advise_deleting_lines_newer_than_the_backup(msp: Msp, file: Path) -> None:
    back_up(msp, file)
    msp.sync()
    with restored_from(file, msp) as restored:
        findings = find_drift(restored.run, TODAY)
        assert find_drift(restored.run, TODAY) == []
        assert restored.sync().outcomes() == ["unchanged"] * len(MAPPED)
    assert len(findings) == len(MAPPED)
    for finding in findings:
        assert "restored from a backup that is older than this line, leave it" in finding.what_to_do
