from __future__ import annotations

from datetime import date
from shutil import copy
from typing import TYPE_CHECKING

import pytest

from cw_pipeline.sandbox import Sandbox
from cw_pipeline.warehouse.database import Warehouse
from cw_pipeline_tests.support.clients import TODAY
from cw_pipeline_tests.support.fake_msp import (
    FEBRUARY,
    MAPPED,
    MARCH,
    UNMAPPED,
    Msp,
    agreement_id,
    company_id,
    open_msp,
    set_up,
)
from cw_pipeline_tests.support.worlds import Worlds
from cw_pipeline_tests.sync.one_company import invoiced_seats
from cw_pipeline_tests.sync.renewals import JANUARY, MONTHS, ONE, RENEWED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


ASKED_OF_INVOICES = ("/finance/invoices/count", "/procurement/products/count", "/system/reports/Product")
"""What connecting asks to see whether invoices can be compared: nothing else needs these rights."""


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox whose journal shows, at the end, that nothing was asked beyond the least rights."""
    with Sandbox(today=TODAY) as running:
        yield running
        beyond = [
            entry
            for entry in running.journal.entries()
            if (entry.status == 403 and not entry.path.endswith(ASKED_OF_INVOICES)) or entry.method in {"PUT", "DELETE"}
        ]
        assert beyond == []


@pytest.fixture(scope="session")
def set_up_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse in which the companies are mapped, to be copied: on which database does not matter here."""
    file = tmp_path_factory.mktemp("set_up") / "warehouse.db"
    warehouse = Warehouse(f"sqlite:///{file}")
    set_up(warehouse)
    warehouse.close()
    return file


@pytest.fixture
def sqlite_warehouse(set_up_database: Path, tmp_path: Path) -> Iterator[Warehouse]:
    """A warehouse in which the companies are mapped, and nothing was synced yet."""
    opened = Warehouse(f"sqlite:///{copy(set_up_database, tmp_path)}")
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Worlds:
    """What fixtures bring about, kept for the next test that needs it."""
    return Worlds(tmp_path_factory.mktemp("worlds"))


@pytest.fixture
def synced(msp: Msp, worlds: Worlds) -> Msp:
    """March was synced: a line of 5 for each organization, in the period of April."""

    def sync() -> None:
        assert msp.sync().outcomes() == ["created"] * len(MAPPED)

    worlds.reach("synced", msp, sync)
    return msp


@pytest.fixture
def invoiced(synced: Msp) -> Msp:
    """March was synced, and the period of April is invoiced to the one company."""
    assert invoiced_seats(synced) == [5]
    return synced


@pytest.fixture
def synced_on_both_databases(sandbox: Sandbox, warehouse: Warehouse, worlds: Worlds) -> Iterator[Msp]:
    """Three companies whose organizations used 5 seats in March, which was synced; a module may choose one database."""
    with open_msp(sandbox, warehouse) as msp:

        def sync() -> None:
            set_up(warehouse)
            for month in (FEBRUARY, MARCH):
                msp.use_nothing_but(*MAPPED, *UNMAPPED, month=month)
            msp.use(0, month=FEBRUARY)
            msp.use(5)
            msp.sync(FEBRUARY, MARCH)

        worlds.reach("synced with February", msp, sync)
        yield msp


@pytest.fixture
def since_january(sandbox: Sandbox, warehouse: Warehouse) -> Iterator[Msp]:
    """Three companies billed since January, when their organizations began to use 5 seats; on both databases."""
    set_up(warehouse, bill_from=JANUARY)
    with open_msp(sandbox, warehouse) as msp:
        for month in MONTHS:
            msp.use_nothing_but(*MAPPED, *UNMAPPED, month=month)
            msp.use(5, month=month)
        sandbox.connectwise.edit_agreement(RENEWED, company=company_id(ONE))
        for place in MAPPED:
            sandbox.connectwise.edit_agreement(agreement_id(place), nextInvoiceDate="2026-01-01")
        yield msp


@pytest.fixture
def invoiced_since_january(since_january: Msp, worlds: Worlds) -> Msp:
    """January to March were synced, and invoiced until the end of March."""

    def sync_and_invoice() -> None:
        since_january.sync(*MONTHS)
        since_january.sandbox.connectwise.invoice(until=date(2026, 3, 1))
        assert since_january.sync(*MONTHS).outcomes() == ["unchanged"] * len(MAPPED)

    worlds.reach("invoiced since January", since_january, sync_and_invoice)
    return since_january


@pytest.fixture
def msp(sandbox: Sandbox, sqlite_warehouse: Warehouse) -> Iterator[Msp]:
    """Three companies mapped, whose organizations used 5 seats each in March; few others used any."""
    with open_msp(sandbox, sqlite_warehouse) as msp:
        msp.use_nothing_but(*MAPPED, *UNMAPPED)
        msp.use(5)
        yield msp
