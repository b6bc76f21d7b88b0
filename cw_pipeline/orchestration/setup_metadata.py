"""What the UI shows of the set-up: numbers, and tables of what there is to decide on."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import dagster as dg

from cw_pipeline.orchestration.partitions import FIRST_MONTH
from cw_pipeline.orchestration.tables import Details, names, table
from cw_pipeline.reports.listings import companies, organizations
from cw_pipeline.reports.status import status
from cw_pipeline.setup.audit import audit_log
from cw_pipeline.setup.imports import AgreementsReport, ImportReport
from cw_pipeline.vocabulary import Month
from cw_pipeline.warehouse.names import name_and_id
from cw_pipeline.wording import cells as shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cw_pipeline.connectwise.models import CatalogItem
    from cw_pipeline.setup.connection import CheckedRight
    from cw_pipeline.setup.products import MappedProduct
    from cw_pipeline.setup.reconcile import Changes
    from cw_pipeline.setup.suggest import Suggestion
    from cw_pipeline.warehouse.database import Warehouse

_LATEST_ACTS = 20


def of_changes(changes: Changes) -> Details:
    """What an import changed, as numbers, and the names of what is new and what is gone."""
    return {
        **{name: dg.MetadataValue.int(number) for name, number in changes.numbers.items()},
        "new_names": names([name_and_id(one) for one in changes.new]),
        "gone_names": names([name_and_id(one) for one in changes.gone]),
        **({"agreement_changed": names(changes.agreement_changed)} if isinstance(changes, AgreementsReport) else {}),
        **({"unreadable": names(changes.unreadable)} if isinstance(changes, ImportReport | AgreementsReport) else {}),
    }


def of_mapping(warehouse: Warehouse) -> Details:
    """How far the set-up has come, what is mapped and what could be, and what people did last; suggests nothing."""
    now = status(warehouse, first_month=Month.parse(FIRST_MONTH), now=datetime.now(UTC))
    with warehouse.transaction() as session:
        listed = companies(session)
        all_organizations = organizations(session)
        acts = audit_log(session, latest=_LATEST_ACTS)
    return {
        "state": dg.MetadataValue.text(now.state.value),
        "missing": dg.MetadataValue.json(list(now.missing)),
        "gone": names(now.gone),
        "agreement_changed": names(now.agreement_changed),
        "mapped": dg.MetadataValue.int(now.mapped),
        "mapped_organizations": dg.MetadataValue.int(now.mapped_organizations),
        "unmapped_companies": dg.MetadataValue.int(now.unmapped_companies),
        "unmapped_organizations": dg.MetadataValue.int(now.unmapped_organizations),
        "unpushed_months": dg.MetadataValue.json([str(month) for month in now.unpushed_months]),
        "next_tick": dg.MetadataValue.timestamp(now.next_tick),
        "companies": table(
            ("company", "state", "agreements", "mapped_agreement", "organization", "bill_from"),
            map(shown.of_company, sorted(listed, key=lambda one: one.state == "mapped")),
        ),
        "organizations": table(
            ("organization", "plan", "license", "status", "managed", "company"),
            (shown.of_organization(one, company) for one, company in all_organizations),
        ),
        "latest_acts": table(
            ("at", "who", "act", "subject", "before", "after"), map(shown.of_audit_entry, reversed(acts))
        ),
    }


def of_suggestions(suggestions: Iterable[Suggestion]) -> Details:
    """Which organization may belong to which company, the likeliest first."""
    columns = ("company", "agreement", "organization", "score", "certain", "reason")
    return {"suggestions": table(columns, map(shown.of_suggestion, suggestions))}


def of_rights(rights: Iterable[CheckedRight]) -> Details:
    """Each right that the API member's role needs, why, and whether it is held."""
    return {"rights": table(("right", "needed", "state"), map(shown.of_right, rights))}


def of_products(catalog: Iterable[CatalogItem], mapped: Sequence[MappedProduct]) -> Details:
    """The products of the catalog that were asked for, and the plans that are mapped."""
    return {
        "plans": table(("plan", "product", "description", "price", "cost", "confirmed"), map(shown.of_product, mapped)),
        "catalog": table(
            ("product", "description", "price", "cost", "plan", "cannot_be_mapped_because"),
            (shown.of_catalog_item(item, mapped) for item in catalog),
        ),
    }
