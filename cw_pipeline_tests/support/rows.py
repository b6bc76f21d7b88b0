"""Rows of a warehouse: those of a small MSP, and everything that one holds, to be put into another one or back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from cw_pipeline.warehouse import tables

if TYPE_CHECKING:
    from decimal import Decimal

    from cw_pipeline.warehouse.database import Warehouse

BEFORE = datetime(2026, 1, 5, tzinfo=UTC)
"""When everything was set up, unless a test says otherwise."""
NOW = datetime(2026, 4, 1, 0, 30, tzinfo=UTC)
Rows = dict[str, list[dict[str, Any]]]
_TABLES = tables.Base.metadata.sorted_tables
_SELECT = [(table.name, table.select()) for table in _TABLES]
_DELETE = [table.delete() for table in reversed(_TABLES)]
_INSERT = [(table, table.insert()) for table in _TABLES]


def rows_of(warehouse: Warehouse) -> Rows:
    """Everything that the warehouse holds."""
    with warehouse.transaction() as session:
        return {name: [dict(row._mapping) for row in session.execute(select)] for name, select in _SELECT}


def fill(warehouse: Warehouse, rows: Rows) -> None:
    """Let the warehouse hold this and nothing else; PostgreSQL numbers new rows after these."""
    with warehouse.transaction() as session:
        for delete in _DELETE:
            session.execute(delete)
        for table, insert in _INSERT:
            if not rows.get(table.name):
                continue
            session.execute(insert, rows[table.name])
            column = table.autoincrement_column
            if column is not None and warehouse.engine.dialect.name == "postgresql":
                sequence = f"pg_get_serial_sequence('{table.name}', '{column.name}')"
                session.execute(text(f"SELECT setval({sequence}, max({column.name})) FROM {table.name}"))


def put(warehouse: Warehouse, *rows: object) -> None:
    """Add rows, in this order."""
    with warehouse.transaction() as session:
        for row in rows:
            session.add(row)
            session.flush()


def integration(state: str = "connected") -> tables.IntegrationRow:
    return tables.IntegrationRow(
        id=1, site_url="https://psa.example.com", company_id="msp", state=state, connected_at=BEFORE, confirmed_at=None
    )


def company(number: int, name: str, **fields: object) -> tables.CompanyRow:
    filled: dict[str, object] = {"status": "Active", "types": ["Client"], "imported_at": BEFORE, **fields}
    return tables.CompanyRow(id=number, identifier=f"c{number}", name=name, **filled)


def agreement(number: int, company_id: int, **fields: object) -> tables.AgreementRow:
    filled: dict[str, object] = {"name": "Managed", "status": "Active", "billing_cycle": "Every month", **fields}
    billed: dict[str, object] = {"cycle": "Monthly", "period_type": "Current", "prorates": False, **filled}
    return tables.AgreementRow(id=number, company_id=company_id, imported_at=BEFORE, **billed)


def organization(organization_id: str, name: str, **fields: object) -> tables.OrganizationRow:
    filled: dict[str, object] = {"plan": "Business", "license_type": "Standard", "msp_managed": True, **fields}
    return tables.OrganizationRow(id=organization_id, name=name, status="Active", fetched_at=BEFORE, **filled)


def product(number: int, price: Decimal | None = None) -> tables.ProductRow:
    return tables.ProductRow(id=number, identifier=f"P{number}", description="", price=price, cost=None)


def product_mapping(plan: str, number: int, *, confirmed: int | None = None) -> tables.ProductMappingRow:
    """A plan's product, and the one that was confirmed if that is another one."""
    return tables.ProductMappingRow(
        plan=plan, product_id=number, confirmed_product_id=confirmed or number, mapped_at=BEFORE
    )


def mapping(company_id: int, agreement_id: int, organization_id: str, bill_from: str) -> tables.CompanyMappingRow:
    """A mapping from before terms were recorded."""
    return tables.CompanyMappingRow(
        company_id=company_id,
        agreement_id=agreement_id,
        organization_id=organization_id,
        bill_from=bill_from,
        mapped_at=BEFORE,
    )


def three_companies() -> tuple[object, ...]:
    """A connection, three companies, of which the first has two agreements, and their organizations."""
    return (
        integration(),
        company(1, "Acme"),
        company(2, "Bolt"),
        company(3, "Core"),
        agreement(11, 1),
        agreement(12, 1, name="Security"),
        agreement(21, 2),
        agreement(31, 3),
        organization("org-acme", "Acme"),
        organization("org-bolt", "Bolt"),
        organization("org-core", "Core"),
    )
