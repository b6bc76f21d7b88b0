"""The current mappings of companies and products."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.orm import contains_eager

from cw_pipeline.billing.facts import CompanyMapping
from cw_pipeline.warehouse.tables import CompanyMappingRow, CompanyRow, OrganizationRow, ProductMappingRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from cw_pipeline.vocabulary import Plan


def company_mappings(session: Session, *where: ColumnElement[bool]) -> Sequence[CompanyMappingRow]:
    """The mappings that meet all conditions, each with its company, agreement and organization.

    They are in the order of their companies' and organizations' ids. Conditions may be on any of the four.
    """
    row = CompanyMappingRow
    statement = select(row).where(*where).order_by(row.company_id, row.organization_id)
    for relation in (row.company, row.agreement, row.organization):
        statement = statement.join(relation).options(contains_eager(relation))
    return session.scalars(statement).all()


def by_company(mappings: Iterable[CompanyMappingRow]) -> Mapping[int, Sequence[CompanyMappingRow]]:
    """The mappings of each company that has any."""
    grouped: defaultdict[int, list[CompanyMappingRow]] = defaultdict(list)
    for mapping in mappings:
        grouped[mapping.company_id].append(mapping)
    return dict(grouped)


_MAPPINGS = (
    select(CompanyMappingRow, OrganizationRow.name, CompanyRow.name)
    .join(CompanyMappingRow.organization)
    .join(CompanyMappingRow.company)
)


def mapping_facts(session: Session) -> dict[str, CompanyMapping]:
    """All mappings as the rule takes them, by organization id."""
    return {
        row.organization_id: CompanyMapping(
            organization_id=row.organization_id,
            organization_name=organization_name,
            company_id=row.company_id,
            agreement_id=row.agreement_id,
            bill_from=row.bill_from,
            terms=row.terms,
            company_name=company_name,
            trial_months=row.trial_months,
        )
        for row, organization_name, company_name in session.execute(_MAPPINGS).tuples()
    }


def organizations_of(session: Session, company_id: int) -> Sequence[OrganizationRow]:
    """The organizations that a company is mapped to, by name."""
    return session.scalars(
        select(OrganizationRow)
        .join(CompanyMappingRow, CompanyMappingRow.organization_id == OrganizationRow.id)
        .where(CompanyMappingRow.company_id == company_id)
        .order_by(OrganizationRow.name, OrganizationRow.id)
    ).all()


_CONFIRMED = select(ProductMappingRow.plan, ProductMappingRow.confirmed_product_id)


def confirmed_products(session: Session) -> dict[Plan, int]:
    """The catalog item id that each plan is confirmed to be billed as."""
    rows = session.execute(_CONFIRMED).tuples()
    return {plan: product_id for plan, product_id in rows if product_id is not None}
