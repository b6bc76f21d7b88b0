"""Tables and sentences that the console and Dagster's UI share."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from cw_pipeline.billing.by_hand import Act
from cw_pipeline.setup.mapping_csv import to_choose
from cw_pipeline.vocabulary import counted, plain
from cw_pipeline.warehouse.names import name_and_id
from cw_pipeline.wording.by_hand import days

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from cw_pipeline.connectwise.models import CatalogItem
    from cw_pipeline.reports.by_hand import LineByHand
    from cw_pipeline.reports.drift.findings import Finding
    from cw_pipeline.reports.listings import ListedCompany
    from cw_pipeline.setup.by_hand import Chosen
    from cw_pipeline.setup.connection import CheckedRight
    from cw_pipeline.setup.products import MappedProduct
    from cw_pipeline.setup.suggest import Suggestion
    from cw_pipeline.setup.undo import UndoneLine
    from cw_pipeline.vocabulary import Month
    from cw_pipeline.warehouse.runs import RunWrites
    from cw_pipeline.warehouse.tables import AuditEntry, CompanyRow, OrganizationRow
    from cw_pipeline.wording.markdown import Table


def cancelled(writes: Mapping[Month, RunWrites]) -> str:
    """What a run had written until it was cancelled, by month, and what to do."""
    of_months = [
        f"{month}: {counted(run.confirmed, 'line')}" + (f", and {run.unknown} perhaps" if run.unknown else "")
        for month, run in sorted(writes.items())
    ]
    written = f"Written until then: {'; '.join(of_months)}." if of_months else "Nothing was written."
    return (
        f"The run was cancelled. {written} Launch sync_now again for the months of this run: it looks in ConnectWise "
        "first, and writes nothing twice."
    )


def companies(listed: Iterable[ListedCompany]) -> Table:
    """The imported companies, and what they are mapped to."""
    return ("Company", "State", "Agreements", "Mapped agreement", "Organization", "Bill from"), [
        (
            name_and_id(company),
            company.state,
            ", ".join(map(name_and_id, company.agreements)),
            company.agreement and name_and_id(company.agreement),
            company.organization and name_and_id(company.organization),
            company.bill_from,
        )
        for company in listed
    ]


def organizations(listed: Iterable[tuple[OrganizationRow, CompanyRow | None]]) -> Table:
    """The organizations, each with the company that is mapped to it."""
    return ("Organization", "Plan", "License", "Status", "Managed", "Company"), [
        (
            name_and_id(organization),
            organization.plan,
            organization.license_type,
            organization.status,
            _yes_or_no(organization.msp_managed),
            company and name_and_id(company),
        )
        for organization, company in listed
    ]


def suggestions(found: Iterable[Suggestion]) -> Table:
    """Which organization may belong to which company."""
    return ("Company", "Agreement", "Organization", "Score", "Certain", "Reason"), [
        (
            name_and_id(suggestion.company),
            name_and_id(suggestion.agreement) if suggestion.agreement else to_choose(suggestion.to_choose),
            name_and_id(suggestion.organization),
            suggestion.score,
            _yes_or_no(suggestion.certain),
            suggestion.reason,
        )
        for suggestion in found
    ]


def audit_log(entries: Iterable[AuditEntry]) -> Table:
    """Who changed what, and when (UTC)."""
    return ("At", "Who", "Action", "Subject", "Before", "After"), [
        (
            f"{entry.at:%Y-%m-%d %H:%M:%S}",
            entry.who,
            entry.action,
            entry.subject,
            _snapshot(entry.before),
            _snapshot(entry.after),
        )
        for entry in entries
    ]


def rights(checked: Iterable[CheckedRight]) -> Table:
    """The rights that the API member needs, what for, and whether it has them."""
    return ("Right", "Needed", "State"), [(right.name, right.why, right.state) for right in checked]


def catalog(items: Iterable[CatalogItem], mapped: Sequence[MappedProduct]) -> Table:
    """Products of the catalog, each with the plans that are mapped to it, or why none can be."""
    from cw_pipeline.setup.products import why_not_billable  # noqa: PLC0415 - slow, and no other table needs it

    return ("Product", "Description", "Price", "Cost", "Plan", "Cannot be mapped because"), [
        (
            f"{item.identifier} ({item.id})",
            item.description,
            _money(item.price),
            _money(item.cost),
            ", ".join(
                product.plan if product.confirmed else f"{product.plan} (not confirmed)"
                for product in mapped
                if product.product_id == item.id
            ),
            why_not_billable(item),
        )
        for item in items
    ]


def products(mapped: Iterable[MappedProduct]) -> Table:
    """The product that each plan is mapped to."""
    return ("Plan", "Product", "Description", "Price", "Cost", "Confirmed"), [
        (
            product.plan,
            f"{product.identifier} ({product.product_id})",
            product.description,
            _money(product.price),
            _money(product.cost),
            "yes" if product.confirmed else "not yet",
        )
        for product in mapped
    ]


def drift(findings: Iterable[Finding]) -> Table:
    """What drifted, and what to do about it."""
    return ("Kind", "Month", "Organization", "Agreement", "Line", "Expected", "Found", "What to do"), [
        (
            finding.kind.in_words,
            finding.month,
            finding.organization_id and f"{finding.organization_name} ({finding.organization_id})",
            finding.agreement_id,
            finding.addition_id,
            finding.expected,
            finding.found,
            finding.what_to_do,
        )
        for finding in findings
    ]


def undone(lines: Iterable[UndoneLine]) -> Table:
    """What becomes of the lines of a run that is undone."""
    return ("Month", "Organization", "Plan", "Agreement", "Line", "Seats", "Result", "Reason"), [
        (
            undone.line.wrote.identity.month,
            f"{undone.organization_name} ({undone.line.wrote.identity.organization_id})",
            undone.line.wrote.identity.plan,
            undone.line.wrote.agreement_id,
            undone.line.wrote.addition_id,
            f"{'gone' if undone.line.now is None else plain(undone.line.now)} → {plain(undone.line.wrote.before)}",
            undone.result,
            undone.reason or None,
        )
        for undone in lines
    ]


def lines_by_hand(lines: Iterable[LineByHand]) -> Table:
    """The lines that people keep by hand, and what is proposed or chosen for each."""
    headings = ("Line", "Company", "Agreement", "Organization", "Product", "Quantity", "Days", "Proposed", "Chosen")
    return headings, [
        (
            kept.line.addition_id,
            kept.agreement.company_name,
            f"{kept.agreement.name} ({kept.agreement.id})",
            ", ".join(kept.organizations),
            kept.product,
            kept.line.quantity,
            days(kept.line.effective_date, kept.line.cancelled_date),
            f"{kept.proposal} on {kept.last_day}" if kept.proposal == Act.END else kept.proposal,
            kept.choice,
        )
        for kept in lines
    ]


def chosen_lines(chosen: Iterable[Chosen]) -> Table:
    """What became of a person's choice for each line that is kept by hand."""
    return ("Line", "Company", "Quantity", "Before", "Result"), [
        (
            choice.kept.line.addition_id,
            choice.kept.agreement.company_name,
            choice.kept.line.quantity,
            days(choice.kept.line.effective_date, choice.kept.line.cancelled_date),
            choice.result,
        )
        for choice in chosen
    ]


def of_unpushed_months(why: Mapping[str, str]) -> str:
    """The months that have to be pushed, grouped by the reason; one cell."""
    months = {reason: ", ".join(month for month in why if why[month] == reason) for reason in why.values()}
    return "; ".join(f"{named} ({reason})" for reason, named in months.items())


def _yes_or_no(value: bool) -> str:  # noqa: FBT001 - its only argument
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
