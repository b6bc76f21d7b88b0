"""A warehouse with a small MSP in it, and the sandbox to act on."""

from __future__ import annotations

import csv
import io
from datetime import date
from typing import TYPE_CHECKING

import pytest

from cw_pipeline.sandbox import Sandbox
from cw_pipeline.settings import Settings
from cw_pipeline.setup.audit import audit_log
from cw_pipeline.setup.clients import open_connectwise, open_nordpass
from cw_pipeline.setup.errors import MappingFileRefused
from cw_pipeline.warehouse.tables import CompanyMappingRow, OrganizationUsageRow, UsageReportRow
from cw_pipeline_tests.setup.actions import apply_mappings, map_company
from cw_pipeline_tests.support.rows import NOW, put, three_companies

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

    from cw_pipeline.connectwise.client import ConnectWiseClient
    from cw_pipeline.nordpass.source import NordPass
    from cw_pipeline.warehouse.database import Warehouse


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(today=date(2026, 4, 1)) as running:
        yield running


@pytest.fixture
def settings(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name, value in sandbox.environment().items():
        monkeypatch.setenv(name, value)
    return Settings()


@pytest.fixture
def client(settings: Settings) -> Iterator[ConnectWiseClient]:
    with open_connectwise(settings) as opened:
        yield opened


@pytest.fixture
def nordpass(settings: Settings) -> Iterator[NordPass]:
    with open_nordpass(settings) as opened:
        yield opened


@pytest.fixture
def msp(warehouse: Warehouse) -> Warehouse:
    """A connected warehouse: three companies, the first with two agreements, and three organizations."""
    put(warehouse, *three_companies())
    return warehouse


def mappings(warehouse: Warehouse) -> dict[int, tuple[int, str, str]]:
    with warehouse.transaction() as session:
        return {
            row.company_id: (row.agreement_id, row.organization_id, str(row.bill_from))
            for row in session.query(CompanyMappingRow)
        }


def keep_usage(warehouse: Warehouse, seats: Mapping[str, int], month: str = "2026-01", **fields: object) -> None:
    """Keep a report of the month, with these organizations' seats."""
    row: dict[str, object] = {"plan": "Business", "license_type": "Standard", "msp_managed": True, **fields}
    rows = [
        OrganizationUsageRow(organization_id=key, organization_name=key, seats=number, **row)
        for key, number in seats.items()
    ]
    put(
        warehouse,
        UsageReportRow(
            month=month, generated_at=NOW, fetched_at=NOW, fingerprint="f", seats=sum(seats.values()), rows=rows
        ),
    )


def logged(warehouse: Warehouse) -> list[tuple[str, str, dict[str, object] | None, dict[str, object] | None]]:
    """The audit log: action, subject, and the values before and after."""
    with warehouse.transaction() as session:
        return [(entry.action, entry.subject, entry.before, entry.after) for entry in audit_log(session)]


def mapped_at(warehouse: Warehouse, company_id: int) -> datetime:
    with warehouse.transaction() as session:
        return session.query(CompanyMappingRow).filter_by(company_id=company_id).one().mapped_at


# --- the mapping file ---

HEADER = "company_id,company_name,agreement_id,agreement_name,organization_id,organization_name,bill_from"
ALL = {1: (11, "org-acme", "2026-03"), 2: (21, "org-bolt", "2026-03"), 3: (31, "org-core", "2026-03")}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "mappings.csv"


def write(file: Path, *rows: str) -> Path:
    file.write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
    return file


def cells(file: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(file.read_text(encoding="utf-8-sig"))))


def map_all(warehouse: Warehouse) -> None:
    for company_id, (agreement_id, organization_id, _) in ALL.items():
        map_company(warehouse, company_id, agreement_id, organization_id)
    assert mappings(warehouse) == ALL


def faults_of(warehouse: Warehouse, file: Path) -> tuple[str, ...]:
    before = mappings(warehouse)
    with pytest.raises(MappingFileRefused) as refused:
        apply_mappings(warehouse, file)
    assert mappings(warehouse) == before
    return refused.value.faults
