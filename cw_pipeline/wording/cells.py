"""What people are shown of a record: the cells of its row, the same on the console and in Dagster's UI.

Headings, and how a table is drawn, are up to whoever shows it. None is an empty cell. A program gets ids by themselves.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, TypeAlias

from cw_pipeline.setup.products import why_not_billable
from cw_pipeline.warehouse.names import name_and_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cw_pipeline.connectwise.models import CatalogItem
    from cw_pipeline.reports.drift.compare import Finding
    from cw_pipeline.reports.listings import ListedCompany
    from cw_pipeline.setup.connection import CheckedRight
    from cw_pipeline.setup.products import MappedProduct
    from cw_pipeline.setup.suggest import Suggestion
    from cw_pipeline.warehouse.tables import AuditEntry, CompanyRow, OrganizationRow

Cells: TypeAlias = tuple[object, ...]


def of_company(one: ListedCompany) -> Cells:
    """Company, state, active agreements, mapped agreement, organization, first month that is billed."""
    return (
        name_and_id(one),
        one.state,
        ", ".join(map(name_and_id, one.agreements)),
        one.agreement and name_and_id(one.agreement),
        one.organization and name_and_id(one.organization),
        one.bill_from,
    )


def of_organization(one: OrganizationRow, company: CompanyRow | None) -> Cells:
    """Organization, plan, license type, status, whether it is managed, company that is mapped to it."""
    return (
        name_and_id(one),
        one.plan,
        one.license_type,
        one.status,
        _yes_or_no(one.msp_managed),
        company and name_and_id(company),
    )


def of_suggestion(one: Suggestion) -> Cells:
    """Company, agreement, organization, score, whether it is certain, reason."""
    return (
        name_and_id(one.company),
        one.agreement and name_and_id(one.agreement),
        name_and_id(one.organization),
        one.score,
        _yes_or_no(one.certain),
        one.reason,
    )


def of_audit_entry(entry: AuditEntry) -> Cells:
    """When (UTC), who, what, to what, how it was before and after."""
    return (
        f"{entry.at:%Y-%m-%d %H:%M:%S}",
        entry.who,
        entry.action,
        entry.subject,
        _snapshot(entry.before),
        _snapshot(entry.after),
    )


def of_right(right: CheckedRight) -> Cells:
    """Right, what it is needed for, whether it is held."""
    return (right.name, right.why, right.state)


def of_catalog_item(item: CatalogItem, mapped: Iterable[MappedProduct]) -> Cells:
    """Product, description, price, cost, plans that are mapped to it, why it cannot be mapped."""
    plans = (
        one.plan if one.confirmed else f"{one.plan} (not confirmed)" for one in mapped if one.product_id == item.id
    )
    return (
        f"{item.identifier} ({item.id})",
        item.description,
        _money(item.price),
        _money(item.cost),
        ", ".join(plans),
        why_not_billable(item),
    )


def of_product(one: MappedProduct) -> Cells:
    """Plan, product, description, price, cost, whether it is confirmed."""
    return (
        one.plan,
        f"{one.identifier} ({one.product_id})",
        one.description,
        _money(one.price),
        _money(one.cost),
        "yes" if one.confirmed else "not yet",
    )


def of_finding(one: Finding) -> Cells:
    """Kind of drift, month, organization, agreement, line, what was expected and found, what to do."""
    return (
        one.kind,
        one.month,
        one.organization_id and f"{one.organization_name} ({one.organization_id})",
        one.agreement_id,
        one.addition_id,
        one.expected,
        one.found,
        one.what_to_do,
    )


def _yes_or_no(value: bool) -> str:  # noqa: FBT001 - the one thing that it is told
    return "yes" if value else "no"


def _money(amount: Decimal | None) -> str | None:
    """An amount with two decimal places, or with more where it has more."""
    if amount is None:
        return None
    cents = amount.quantize(Decimal("0.01"))
    return str(cents if cents == amount else amount)


def _snapshot(state: Mapping[str, object] | None) -> str | None:
    """Format the values before or after a change."""
    return None if state is None else ", ".join(f"{name} {value}" for name, value in state.items())
