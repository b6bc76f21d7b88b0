"""What the UI shows of the set-up: numbers, and tables of what there is to decide on."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import dagster as dg

from cw_pipeline.billing.months import Month
from cw_pipeline.integration.audit import recorded_acts, said
from cw_pipeline.integration.listings import companies, organizations
from cw_pipeline.integration.products import why_not_billable
from cw_pipeline.integration.status import status
from cw_pipeline.integration.suggest import suggest_mappings
from cw_pipeline.orchestration.partitions import FIRST_MONTH
from cw_pipeline.orchestration.views import Details, names, table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cw_pipeline.connectwise.models import CatalogItem
    from cw_pipeline.integration.connection import CheckedRight
    from cw_pipeline.integration.listings import ListedCompany
    from cw_pipeline.integration.products import MappedProduct
    from cw_pipeline.integration.reconcile import Changes, Named
    from cw_pipeline.warehouse.database import Warehouse
    from cw_pipeline.warehouse.tables import Company, Organization

_LATEST_ACTS = 20


def of_changes(changes: Changes) -> Details:
    """What an import changed, as numbers, and the names of what is new and what is gone."""
    return {
        **{name: dg.MetadataValue.int(number) for name, number in changes.numbers.items()},
        "new_names": names([_shown(one) for one in changes.new]),
        "gone_names": names([_shown(one) for one in changes.gone]),
    }


def of_mapping(warehouse: Warehouse) -> Details:
    """How far the set-up has come, what is mapped and what could be, and what people did last."""
    now = status(warehouse, first_month=Month.parse(FIRST_MONTH), now=datetime.now(UTC))
    suggestions = suggest_mappings(warehouse)
    with warehouse.transaction() as session:
        listed = companies(session)
        all_organizations = organizations(session)
        acts = recorded_acts(session, latest=_LATEST_ACTS)
    return {
        "state": dg.MetadataValue.text(now.state.value),
        "missing": dg.MetadataValue.json(list(now.missing)),
        "gone": names(now.gone),
        "mapped": dg.MetadataValue.int(now.mapped),
        "unmapped_companies": dg.MetadataValue.int(now.unmapped_companies),
        "unmapped_organizations": dg.MetadataValue.int(now.unmapped_organizations),
        "unpushed_months": dg.MetadataValue.json([str(month) for month in now.unpushed_months]),
        "next_tick": dg.MetadataValue.timestamp(now.next_tick),
        "companies": table(
            ("company", "state", "agreements", "mapped_agreement", "organization", "bill_from"),
            (
                (
                    _shown(one),
                    one.state,
                    ", ".join(map(_shown, one.agreements)),
                    one.agreement and _shown(one.agreement),
                    one.organization and _shown(one.organization),
                    one.bill_from,
                )
                for one in sorted(listed, key=lambda one: one.state == "mapped")
            ),
        ),
        "organizations": table(
            ("organization", "plan", "license", "managed", "company"),
            (
                (
                    _shown(one),
                    one.plan,
                    one.license_type,
                    "yes" if one.msp_managed else "no",
                    company and _shown(company),
                )
                for one, company in all_organizations
            ),
        ),
        "suggestions": table(
            ("company", "agreement", "organization", "score", "certain", "reason"),
            (
                (
                    _shown(one.company),
                    one.agreement and _shown(one.agreement),
                    _shown(one.organization),
                    one.score,
                    "yes" if one.certain else "no",
                    one.reason,
                )
                for one in suggestions
            ),
        ),
        "latest_acts": table(
            ("at", "who", "act", "subject", "before", "after"),
            (
                (f"{act.at:%Y-%m-%d %H:%M:%S}", act.who, act.act, act.subject, said(act.before), said(act.after))
                for act in reversed(acts)
            ),
        ),
    }


def of_rights(rights: Iterable[CheckedRight]) -> Details:
    """Each right that the API member's role needs, why, and whether it is held."""
    rows = ((right.name, right.why, right.state) for right in rights)
    return {"rights": table(("right", "needed", "state"), rows)}


def of_products(catalog: Iterable[CatalogItem], mapped: Sequence[MappedProduct]) -> Details:
    """The products of the catalog that were asked for, and the plans that are mapped."""
    return {
        "plans": table(
            ("plan", "product", "price", "cost", "confirmed"),
            (
                (
                    one.plan,
                    f"{one.identifier} ({one.product_id})",
                    one.price,
                    one.cost,
                    "yes" if one.confirmed else "no",
                )
                for one in mapped
            ),
        ),
        "catalog": table(
            ("id", "identifier", "description", "price", "cost", "cannot_be_mapped_because"),
            (
                (item.id, item.identifier, item.description, item.price, item.cost, why_not_billable(item))
                for item in catalog
            ),
        ),
    }


def _shown(record: Named | Company | Organization | ListedCompany) -> str:
    return f"{record.name} ({record.id})"
