"""What there is to look at: companies, organizations and the ledger, each with what belongs to it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from sqlalchemy import or_, select

from cw_pipeline.vocabulary import Month
from cw_pipeline.warehouse.names import Named, name_and_id
from cw_pipeline.warehouse.tables import AgreementRow, CompanyMappingRow, CompanyRow, LedgerEntry, OrganizationRow
from cw_pipeline.wording.commands import map_command, unmap_command

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy.orm import Session


@dataclass(frozen=True)
class ListedCompany(Named):
    """An imported company: where it is mapped to several organizations, once for each.

    Attributes:
        state: Whether it is mapped, and if so, whether ConnectWise still lists the company and the mapped agreement. A
            company that ConnectWise no longer lists is only listed while it is mapped.
        agreements: Its active agreements, from which one can be mapped.
        agreement: The mapped agreement.
        bill_from: The first month that is billed.
    """

    id: int
    state: Literal["mapped", "unmapped", "company gone", "agreement gone"]
    agreements: tuple[Named, ...]
    agreement: Named | None
    organization: Named | None
    bill_from: Month | None


def companies(session: Session) -> list[ListedCompany]:
    """The imported companies by name, with what they are mapped to."""
    names = {row.id: row.name for row in session.scalars(select(OrganizationRow))}
    mappings: defaultdict[int, list[CompanyMappingRow]] = defaultdict(list)
    for mapping in session.scalars(select(CompanyMappingRow).order_by(CompanyMappingRow.organization_id)):
        mappings[mapping.company_id].append(mapping)
    agreements: defaultdict[int, dict[int, AgreementRow]] = defaultdict(dict)
    for agreement in session.scalars(select(AgreementRow).order_by(AgreementRow.id)):
        agreements[agreement.company_id][agreement.id] = agreement
    listed = [
        _listed(company, mapping, agreements[company.id], names)
        for company in session.scalars(select(CompanyRow))
        for mapping in mappings[company.id] or ([None] if company.gone_at is None else [])
    ]
    return sorted(listed, key=lambda company: (company.name.casefold(), company.id))


def _listed(
    company: CompanyRow, mapping: CompanyMappingRow | None, agreements: dict[int, AgreementRow], names: dict[str, str]
) -> ListedCompany:
    mapped = agreements.get(mapping.agreement_id) if mapping else None
    return ListedCompany(
        id=company.id,
        name=company.name,
        state=_state(company, mapping, mapped),
        agreements=tuple(
            Named(one.id, one.name) for one in agreements.values() if one.gone_at is None and one.status == "Active"
        ),
        agreement=Named(mapped.id, mapped.name) if mapped else None,
        organization=Named(mapping.organization_id, names[mapping.organization_id]) if mapping else None,
        bill_from=mapping.bill_from if mapping else None,
    )


def _state(
    company: CompanyRow, mapping: CompanyMappingRow | None, agreement: AgreementRow | None
) -> Literal["mapped", "unmapped", "company gone", "agreement gone"]:
    if mapping is None:
        return "unmapped"
    if company.gone_at is not None:
        return "company gone"
    return "mapped" if agreement is not None and agreement.gone_at is None else "agreement gone"


def gone_mappings(session: Session) -> Iterator[str]:
    """What the last import no longer found although it is mapped, and what to do, a sentence each."""
    mapped = session.execute(
        select(CompanyMappingRow, CompanyRow, AgreementRow, OrganizationRow)
        .join(CompanyRow, CompanyMappingRow.company_id == CompanyRow.id)
        .join(AgreementRow, AgreementRow.id == CompanyMappingRow.agreement_id)
        .join(OrganizationRow, OrganizationRow.id == CompanyMappingRow.organization_id)
        .order_by(CompanyRow.id, OrganizationRow.id)
    ).tuples()
    for mapping, company, agreement, organization in mapped:
        the_company, the_organization = name_and_id(company), name_and_id(organization)
        unmap = unmap_command(company.id, organization.id)
        if company.gone_at is not None:
            there = f"The company {the_company} is mapped to {the_organization}, but the last import did not find it: "
            if agreement.company_id != company.id:
                moved = map_command(agreement.company_id, agreement.id, organization.id, mapping.bill_from)
                yield (
                    f"{there}it may be merged into {agreement.company_id}, which has its agreement "
                    f"{name_and_id(agreement)} now. Map the organization to that one with {moved}."
                )
            else:
                yield (
                    f"{there}it is deleted, or not of the chosen types and statuses. Import with those; or run "
                    f"{unmap} and map the organization to another company."
                )
        elif agreement.gone_at is not None:
            yield (
                f"The agreement {name_and_id(agreement)} of {the_company} is mapped, but the last import did not find "
                f"it. Map {the_organization} with another of its agreements, or run {unmap}."
            )
        if organization.gone_at is not None:
            yield (
                f"The organization {the_organization} is mapped to {the_company}, but NordPass no longer lists it. "
                f"Run {unmap} once its last month is billed."
            )


def organizations(session: Session) -> Sequence[tuple[OrganizationRow, CompanyRow | None]]:
    """The organizations that NordPass lists, by name, each with the company that is mapped to it."""
    return (
        session.execute(
            select(OrganizationRow, CompanyRow)
            .outerjoin(CompanyMappingRow, CompanyMappingRow.organization_id == OrganizationRow.id)
            .outerjoin(CompanyRow, CompanyRow.id == CompanyMappingRow.company_id)
            .where(OrganizationRow.gone_at.is_(None))
            .order_by(OrganizationRow.name, OrganizationRow.id)
        )
        .tuples()
        .all()
    )


def ledger_entries(
    session: Session, psa: str, *, month: Month | None, organization: str | None
) -> Sequence[tuple[LedgerEntry, str | None]]:
    """The ledger, oldest first, with the organizations' names; of one `month`, of one organization (id or name)."""
    query = (
        select(LedgerEntry, OrganizationRow.name)
        .outerjoin(OrganizationRow, OrganizationRow.id == LedgerEntry.organization_id)
        .where(LedgerEntry.psa == psa)
        .order_by(LedgerEntry.id)
    )
    if month is not None:
        query = query.where(LedgerEntry.month == month)
    if organization is not None:
        query = query.where(or_(LedgerEntry.organization_id == organization, OrganizationRow.name == organization))
    return session.execute(query).tuples().all()
