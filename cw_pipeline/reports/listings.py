"""Companies, organizations and the ledger, each with what belongs to it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from sqlalchemy import or_, select

from cw_pipeline.vocabulary import Month
from cw_pipeline.warehouse.mappings import by_company, company_mappings
from cw_pipeline.warehouse.names import Named, name_and_id
from cw_pipeline.warehouse.psa import connected_psa
from cw_pipeline.warehouse.tables import AgreementRow, CompanyMappingRow, CompanyRow, LedgerEntry, OrganizationRow
from cw_pipeline.wording.commands import map_command, unmap_command

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from sqlalchemy.orm import Session

MappingState: TypeAlias = Literal["mapped", "unmapped", "company gone", "agreement gone"]


@dataclass(frozen=True)
class ListedCompany(Named):
    """An imported company; one that is mapped to several organizations is listed once for each.

    Attributes:
        state: Whether it is mapped, and if so, whether ConnectWise still lists the company and the mapped agreement. A
            company that ConnectWise no longer lists is only listed while it is mapped.
        agreements: Its active agreements, from which one can be mapped.
        agreement: The mapped agreement.
        bill_from: The first month that is billed.
    """

    id: int
    state: MappingState
    agreements: tuple[Named, ...]
    agreement: Named | None = None
    organization: Named | None = None
    bill_from: Month | None = None


def companies(session: Session) -> list[ListedCompany]:
    """The imported companies by name, with what they are mapped to."""
    active = active_agreements(session)
    mappings = by_company(company_mappings(session))
    listed: list[ListedCompany] = []
    for company in session.scalars(select(CompanyRow)):
        agreements = tuple(Named(agreement.id, agreement.name) for agreement in active.get(company.id, ()))
        listed += [_mapped(mapping, agreements) for mapping in mappings.get(company.id, ())]
        if company.gone_at is None and company.id not in mappings:
            listed.append(ListedCompany(company.id, company.name, "unmapped", agreements))
    return sorted(listed, key=lambda company: (company.name.casefold(), company.id))


def _mapped(mapping: CompanyMappingRow, agreements: tuple[Named, ...]) -> ListedCompany:
    company, agreement, organization = mapping.company, mapping.agreement, mapping.organization
    is_its_own = agreement.company_id == company.id
    state = "mapped" if is_its_own and agreement.gone_at is None else "agreement gone"
    return ListedCompany(
        id=company.id,
        name=company.name,
        state="company gone" if company.gone_at else state,
        agreements=agreements,
        agreement=Named(agreement.id, agreement.name) if is_its_own else None,
        organization=Named(organization.id, organization.name),
        bill_from=mapping.bill_from,
    )


def active_agreements(session: Session) -> Mapping[int, Sequence[AgreementRow]]:
    """The active agreements of each company that has any."""
    agreements: defaultdict[int, list[AgreementRow]] = defaultdict(list)
    is_active = (AgreementRow.gone_at.is_(None), AgreementRow.status == "Active")
    for agreement in session.scalars(select(AgreementRow).where(*is_active).order_by(AgreementRow.id)):
        agreements[agreement.company_id].append(agreement)
    return agreements


def gone_mappings(session: Session) -> Iterator[str]:
    """The mapped records that the last import no longer found, and what to do, a sentence each."""
    is_gone = (row.gone_at.is_not(None) for row in (CompanyRow, AgreementRow, OrganizationRow))
    for mapping in company_mappings(session, or_(*is_gone)):
        agreement = mapping.agreement
        company, organization = name_and_id(mapping.company), name_and_id(mapping.organization)
        unmap = unmap_command(mapping.company_id, mapping.organization_id)
        if mapping.company.gone_at is not None and agreement.company_id != mapping.company_id:
            move = map_command(agreement.company_id, agreement.id, mapping.organization_id, mapping.bill_from)
            yield (
                f"The company {company} is mapped to {organization}, but the last import did not find it: it may be "
                f"merged into {agreement.company_id}, which has its agreement {name_and_id(agreement)} now. Map the "
                f"organization to that one with {move}."
            )
        elif mapping.company.gone_at is not None:
            yield (
                f"The company {company} is mapped to {organization}, but the last import did not find it: it is "
                "deleted, or not of the chosen types and statuses. Import with those; or run "
                f"{unmap} and map the organization to another company."
            )
        elif agreement.gone_at is not None:
            yield (
                f"The agreement {name_and_id(agreement)} of {company} is mapped, but the last import did not find it. "
                f"Map {organization} with another of its agreements, or run {unmap}."
            )
        if mapping.organization.gone_at is not None:
            yield (
                f"The organization {organization} is mapped to {company}, but NordPass no longer lists it. "
                f"Run {unmap} once its last month is billed."
            )


def organizations(session: Session) -> Sequence[tuple[OrganizationRow, CompanyRow | None]]:
    """The organizations that NordPass lists, by name, each with the company that is mapped to it."""
    listed = (
        select(OrganizationRow, CompanyRow)
        .outerjoin(CompanyMappingRow, CompanyMappingRow.organization_id == OrganizationRow.id)
        .outerjoin(CompanyRow, CompanyRow.id == CompanyMappingRow.company_id)
        .where(OrganizationRow.gone_at.is_(None))
        .order_by(OrganizationRow.name, OrganizationRow.id)
    )
    return session.execute(listed).tuples().all()


class ImportedNames(NamedTuple):
    """The names of all companies and agreements that were imported, by id."""

    companies: Mapping[int, str]
    agreements: Mapping[int, str]

    def company(self, company_id: int | None) -> Named | None:
        """A company by its name or, if it was not imported, by its id."""
        return _named(self.companies, company_id)

    def agreement(self, agreement_id: int | None) -> Named | None:
        """An agreement by its name or, if it was not imported, by its id."""
        return _named(self.agreements, agreement_id)


def _named(names: Mapping[int, str], record_id: int | None) -> Named | None:
    return None if record_id is None else Named(record_id, names.get(record_id) or str(record_id))


def imported_names(session: Session) -> ImportedNames:
    """The names of all companies and agreements that were imported."""
    companies = session.execute(select(CompanyRow.id, CompanyRow.name)).tuples()
    agreements = session.execute(select(AgreementRow.id, AgreementRow.name)).tuples()
    return ImportedNames(dict(companies.all()), dict(agreements.all()))


def ledger_entries(
    session: Session, *, month: Month | None, organizations: Collection[str] | None
) -> Sequence[tuple[LedgerEntry, str | None]]:
    """The connected company's ledger entries with their organizations' names, oldest first.

    Optionally only those of a `month`, or of the `organizations` with these ids.
    """
    entries = (
        select(LedgerEntry, OrganizationRow.name)
        .outerjoin(OrganizationRow, OrganizationRow.id == LedgerEntry.organization_id)
        .where(LedgerEntry.psa == connected_psa(session))
        .order_by(LedgerEntry.id)
    )
    if month is not None:
        entries = entries.where(LedgerEntry.month == month)
    if organizations is not None:
        entries = entries.where(LedgerEntry.organization_id.in_(organizations))
    return session.execute(entries).tuples().all()
