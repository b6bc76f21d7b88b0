"""The mappings of companies and products, as they are stored now."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from cw_pipeline.billing.facts import CompanyMapping
from cw_pipeline.warehouse.tables import CompanyMappingRow, OrganizationRow, ProductMappingRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy.orm import Session

    from cw_pipeline.vocabulary import Plan


def company_mappings(session: Session) -> Sequence[CompanyMappingRow]:
    """All mappings, each with its company, agreement and organization, by the ids of company and organization."""
    row = CompanyMappingRow
    return session.scalars(
        select(row)
        .options(*(joinedload(one, innerjoin=True) for one in (row.company, row.agreement, row.organization)))
        .order_by(row.company_id, row.organization_id)
    ).all()


def by_company(mappings: Iterable[CompanyMappingRow]) -> Mapping[int, Sequence[CompanyMappingRow]]:
    """The mappings of each company that has any."""
    found: defaultdict[int, list[CompanyMappingRow]] = defaultdict(list)
    for mapping in mappings:
        found[mapping.company_id].append(mapping)
    return dict(found)


def mapping_facts(session: Session) -> dict[str, CompanyMapping]:
    """All mappings as the rule takes them, by organization id."""
    return {
        row.organization_id: CompanyMapping(
            organization_id=row.organization_id,
            organization_name=row.organization.name,
            company_id=row.company_id,
            agreement_id=row.agreement_id,
            bill_from=row.bill_from,
            terms=row.terms,
            company_name=row.company.name,
        )
        for row in company_mappings(session)
    }


def organizations_of(session: Session, company_id: int) -> Sequence[OrganizationRow]:
    """The organizations that a company is mapped to, by name."""
    return session.scalars(
        select(OrganizationRow)
        .join(CompanyMappingRow, CompanyMappingRow.organization_id == OrganizationRow.id)
        .where(CompanyMappingRow.company_id == company_id)
        .order_by(OrganizationRow.name, OrganizationRow.id)
    ).all()


def confirmed_products(session: Session) -> dict[Plan, int]:
    """The catalog item id that each plan is confirmed to be billed as."""
    row = ProductMappingRow
    rows = session.execute(select(row.plan, row.confirmed_product_id)).tuples()
    return {plan: product_id for plan, product_id in rows if product_id is not None}
