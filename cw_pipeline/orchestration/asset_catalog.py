"""What Dagster's catalog says about each asset beyond its description, and the assets outside of this project.

Groups are numbered in the order of setting up, because Dagster sorts them by name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import dagster as dg

from cw_pipeline.orchestration.tenant import PREFIX, TAGS
from cw_pipeline.warehouse.tables import (
    AgreementRow,
    CompanyMappingRow,
    CompanyRow,
    IntegrationRow,
    OrganizationRow,
    OrganizationUsageRow,
    PreviewLineRow,
    ProductMappingRow,
    PushLineRow,
)
from cw_pipeline.warehouse.tables.meanings import column_meanings

if TYPE_CHECKING:
    from cw_pipeline.warehouse.tables import Base

OWNERS = ("team:billing",)
CODE_VERSION = "1"
"""Raise it when the same data would give another asset, so that the UI marks what older code made."""


class _Entry(NamedTuple):
    """An asset in the catalog: its group, what starts its runs, its table in the warehouse, and what else it reads."""

    group: str
    started_by: str
    table: type[Base] | None = None
    reads: tuple[str, ...] = ()


_WRITTEN = "connectwise/additions"
_ENTRIES = {
    "connection": _Entry("1_connect", "person", IntegrationRow),
    "mapped_products": _Entry("1_connect", "person", ProductMappingRow, ("connectwise/products",)),
    "imported_companies": _Entry("2_map", "person", CompanyRow, ("connectwise/companies",)),
    "agreements": _Entry("2_map", "person", AgreementRow, ("connectwise/agreements",)),
    "organizations": _Entry("2_map", "person", OrganizationRow, ("nordpass/organizations",)),
    "mapped_organizations": _Entry("2_map", "person", CompanyMappingRow),
    "monthly_usage": _Entry("3_sync", "schedule", OrganizationUsageRow, ("nordpass/usage_reports",)),
    "push_preview": _Entry("3_sync", "schedule", PreviewLineRow, ("mapped_products",)),
    "connectwise_push": _Entry("3_sync", "schedule", PushLineRow),
    "month_report": _Entry("3_sync", "schedule"),
    "drift": _Entry("4_watch", "schedule", reads=(_WRITTEN,)),
    "closed_months": _Entry("4_watch", "schedule"),
    "reconciliation": _Entry("4_watch", "person", reads=("connectwise/invoices",)),
}
_OUTSIDE = {
    "connectwise/companies": "The companies in ConnectWise PSA.",
    "connectwise/agreements": "The agreements in ConnectWise PSA.",
    "connectwise/products": "The product catalog in ConnectWise PSA.",
    _WRITTEN: "The priced lines on the agreements in ConnectWise PSA: what it bills.",
    "connectwise/invoices": "The invoices in ConnectWise PSA: what it billed.",
    "nordpass/organizations": "The organizations in NordPass.",
    "nordpass/usage_reports": "NordPass's monthly usage: the Provider API's, or the panel's exports.",
}


def cataloged(spec: dg.AssetSpec) -> dg.AssetSpec:
    """An asset of this project with its entry in the catalog."""
    entry = _ENTRIES[spec.key.path[-1]]
    metadata = {}
    if entry.table is not None:  # on PostgreSQL a tenant's tables are in a schema of its key
        name = ".".join([*PREFIX, entry.table.__tablename__])
        metadata = {"dagster/table_name": name, "dagster/column_schema": _columns(entry.table)}
    return spec.replace_attributes(group_name=entry.group, code_version=CODE_VERSION).merge_attributes(
        owners=OWNERS,
        tags={**TAGS, "started_by": entry.started_by},
        metadata=metadata,
        deps=[_key(name) for name in entry.reads],
    )


def outside() -> list[dg.AssetSpec]:
    """What ConnectWise and NordPass own, at both ends of the graph. Nothing here materializes them."""
    return [
        dg.AssetSpec(
            _key(name),
            deps=[_key("connectwise_push")] if name == _WRITTEN else [],
            description=description,
            group_name="3_sync" if name == _WRITTEN else "0_sources",
            kinds={name.partition("/")[0]},
            tags=TAGS,
        )
        for name, description in _OUTSIDE.items()
    ]


def _key(name: str) -> dg.AssetKey:
    return dg.AssetKey([*PREFIX, *name.split("/")])


def _columns(table: type[Base]) -> dg.TableSchema:
    meanings = column_meanings(table)
    return dg.TableSchema(
        [
            dg.TableColumn(
                column.name,
                str(getattr(column.type, "impl", column.type)).lower(),
                description=meanings[column.name],
                constraints=dg.TableColumnConstraints(nullable=bool(column.nullable), unique=bool(column.unique)),
            )
            for column in table.__table__.columns
        ]
    )
