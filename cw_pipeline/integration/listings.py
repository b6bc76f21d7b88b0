"""What there is to look at: companies, organizations and the ledger, each with what belongs to it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from sqlalchemy import or_, select

from cw_pipeline.integration.reconcile import Named
from cw_pipeline.warehouse.tables import Agreement, Company, CompanyMapping, LedgerEntry, Organization

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy.orm import Session

    from cw_pipeline.billing.months import Month


@dataclass(frozen=True)
class ListedCompany:
    """An imported company.

    Attributes:
        state: Whether it is mapped, and if so, whether ConnectWise still lists the company and the mapped agreement. A
            company that ConnectWise no longer lists is only listed while it is mapped.
        agreements: Its active agreements, from which one can be mapped.
        agreement: The mapped agreement.
        bill_from: The first month that is billed.
    """

    id: int
    name: str
    state: Literal["mapped", "unmapped", "company gone", "agreement gone"]
    agreements: tuple[Named, ...]
    agreement: Named | None
    organization: Named | None
    bill_from: str | None


def companies(session: Session) -> list[ListedCompany]:
    """The imported companies by name, with what they are mapped to."""
    names = {row.id: row.name for row in session.scalars(select(Organization))}
    mappings = {row.company_id: row for row in session.scalars(select(CompanyMapping))}
    agreements: defaultdict[int, dict[int, Agreement]] = defaultdict(dict)
    for agreement in session.scalars(select(Agreement).order_by(Agreement.id)):
        agreements[agreement.company_id][agreement.id] = agreement
    listed: list[ListedCompany] = []
    for company in session.scalars(select(Company)):
        mapping = mappings.get(company.id)
        if company.gone_at is not None and mapping is None:
            continue
        own = agreements[company.id]
        mapped = own.get(mapping.agreement_id) if mapping else None
        listed.append(
            ListedCompany(
                id=company.id,
                name=company.name,
                state=_state(company, mapping, mapped),
                agreements=tuple(
                    Named(one.id, one.name) for one in own.values() if one.gone_at is None and one.status == "Active"
                ),
                agreement=Named(mapped.id, mapped.name) if mapped else None,
                organization=Named(mapping.organization_id, names[mapping.organization_id]) if mapping else None,
                bill_from=mapping.bill_from if mapping else None,
            )
        )
    return sorted(listed, key=lambda company: (company.name.casefold(), company.id))


def _state(
    company: Company, mapping: CompanyMapping | None, agreement: Agreement | None
) -> Literal["mapped", "unmapped", "company gone", "agreement gone"]:
    if mapping is None:
        return "unmapped"
    if company.gone_at is not None:
        return "company gone"
    return "mapped" if agreement is not None and agreement.gone_at is None else "agreement gone"


def gone_mappings(session: Session) -> Iterator[str]:
    """What the last import no longer found although it is mapped, and what to do, a sentence each."""
    mapped = session.execute(
        select(Company, Agreement, Organization)
        .join(CompanyMapping, CompanyMapping.company_id == Company.id)
        .join(Agreement, Agreement.id == CompanyMapping.agreement_id)
        .join(Organization, Organization.id == CompanyMapping.organization_id)
        .order_by(Company.id)
    ).tuples()
    for company, agreement, organization in mapped:
        the_company = f"{company.name} ({company.id})"
        if company.gone_at is not None:
            yield (
                f"The company {the_company} is mapped, but the last import did not find it: it is deleted, or not "
                "of the chosen types and statuses. Import with those, or unmap it."
            )
        elif agreement.gone_at is not None:
            yield (
                f"The agreement {agreement.name} ({agreement.id}) of {the_company} is mapped, but the last import did "
                "not find it. Map the company with another of its agreements, or unmap it."
            )
        if organization.gone_at is not None:
            yield (
                f"The organization {organization.name} ({organization.id}) is mapped to {the_company}, but NordPass no "
                "longer lists it. Unmap the company once its last month is billed."
            )


def organizations(session: Session) -> Sequence[tuple[Organization, Company | None]]:
    """The organizations that NordPass lists, by name, each with the company that is mapped to it."""
    return (
        session.execute(
            select(Organization, Company)
            .outerjoin(CompanyMapping, CompanyMapping.organization_id == Organization.id)
            .outerjoin(Company, Company.id == CompanyMapping.company_id)
            .where(Organization.gone_at.is_(None))
            .order_by(Organization.name, Organization.id)
        )
        .tuples()
        .all()
    )


def ledger_entries(
    session: Session, psa: str, *, month: Month | None, organization: str | None
) -> Sequence[tuple[LedgerEntry, str | None]]:
    """The ledger, oldest first, with the organizations' names; of one ``month``, of one organization (id or name)."""
    query = (
        select(LedgerEntry, Organization.name)
        .outerjoin(Organization, Organization.id == LedgerEntry.organization_id)
        .where(LedgerEntry.psa == psa)
        .order_by(LedgerEntry.id)
    )
    if month is not None:
        query = query.where(LedgerEntry.month == str(month))
    if organization is not None:
        query = query.where(or_(LedgerEntry.organization_id == organization, Organization.name == organization))
    return session.execute(query).tuples().all()
