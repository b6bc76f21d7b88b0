"""What the rows of a mapping file would do: what is wrong with them, and what to know first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from sqlalchemy import select

from cw_pipeline.setup import bill_from as first_months
from cw_pipeline.setup import terms
from cw_pipeline.setup.mappable import beside, why_not
from cw_pipeline.setup.suggest import normalized
from cw_pipeline.warehouse.names import name_and_id
from cw_pipeline.warehouse.tables import (
    AgreementRow,
    CompanyMappingRow,
    CompanyRow,
    OrganizationRow,
    OrganizationUsageRow,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from cw_pipeline.setup.mapping_csv import Row
    from cw_pipeline.vocabulary import Month


@dataclass(frozen=True)
class Known:
    """What is imported, listed and mapped, by id."""

    companies: Mapping[int, CompanyRow]
    agreements: Mapping[int, AgreementRow]
    organizations: Mapping[str, OrganizationRow]
    mappings: Mapping[str, CompanyMappingRow]
    """By organization, in the order of their companies."""
    used: frozenset[str]
    """The organizations that a usage report has."""

    @cached_property
    def by_company(self) -> Mapping[int, Sequence[CompanyMappingRow]]:
        """The mappings of each company that has any."""
        mappings: defaultdict[int, list[CompanyMappingRow]] = defaultdict(list)
        for mapping in self.mappings.values():
            mappings[mapping.company_id].append(mapping)
        return mappings

    def mapping_of(self, row: Row) -> CompanyMappingRow | None:
        """The mapping of the organization that the row names."""
        return self.mappings.get(row.organization_id or "")

    def has(self, row: Row) -> bool:
        """Whether the row's company has the row's organization."""
        mapping = self.mapping_of(row)
        return mapping is not None and mapping.company_id == row.company_id

    def is_kept(self, row: Row) -> bool:
        """Whether the row has company, agreement and organization as they are mapped."""
        mapping = self.mapping_of(row)
        return self.has(row) and mapping is not None and mapping.agreement_id == row.agreement_id

    def changes_nothing(self, row: Row) -> bool:
        """Whether all is as the row says: then nobody is asked about it, and nothing is accepted."""
        mapping = self.mapping_of(row)
        if mapping is None:
            return row.is_bare and row.company_id not in self.by_company
        return self.is_kept(row) and row.bill_from in (None, mapping.bill_from)

    def why_not(self, row: Row) -> str | None:
        """Why what the row names cannot be mapped to each other."""
        organization = self.organizations[row.organization_id or ""]
        company, agreement = self.companies[row.company_id], self.agreements[row.agreement_id or 0]
        return why_not(company, agreement, organization, used=organization.id in self.used)


def warnings(row: Row, known: Known) -> tuple[str, ...]:
    """What to know about the agreement that the row maps anew, and about the company if it has another name by now."""
    if row.agreement_id is None or known.changes_nothing(row) or known.why_not(row):
        return ()
    mapping, name = known.mapping_of(row), known.companies[row.company_id].name
    about_agreement = terms.to_accept(known.agreements[row.agreement_id], mapping)
    if mapping is not None and mapping.agreement_id == row.agreement_id:
        return about_agreement
    if not _is_another(row.company_name, name):
        return about_agreement
    about_company = (
        f"The file calls the company {row.company_id} {row.company_name}, but it is {name}: the file's ids may be "
        "those of another ConnectWise."
    )
    return (about_company, *about_agreement)


def _is_another(in_the_file: str, name: str) -> bool:
    """Whether the file means another company; a name that a spreadsheet lost letters of tells nothing."""
    return bool(in_the_file) and "\ufffd" not in in_the_file and normalized(in_the_file).words != normalized(name).words


def only_names(rows: Sequence[Row], known: Known) -> list[str]:
    """Rows in which somebody wrote names and no ids, and which therefore do nothing."""
    return [
        f"Row {row.number}: nothing was mapped, because names count for nothing: write the ids."
        for row in rows
        if row.names and row.is_bare and known.changes_nothing(row)
    ]


def fault(row: Row, known: Known, first_month: Month, now: datetime) -> str | None:
    """What is wrong with a row; None where it can be done."""
    if row.company_id not in known.companies:
        return f"there is no company {row.company_id}"
    if row.is_bare:
        cut_short = row.cut_short and row.company_id in known.by_company
        return "its last cells are missing: to unmap the company, leave them there and empty" if cut_short else None
    if row.agreement_id is None or row.organization_id is None:
        return "agreement_id and organization_id are needed, both (or neither, to unmap the company)"
    if row.agreement_id not in known.agreements:
        return f"there is no agreement {row.agreement_id}"
    if row.organization_id not in known.organizations:
        return f"there is no organization {row.organization_id}"
    return _refusal(row, known, first_month, now)


def _refusal(row: Row, known: Known, first_month: Month, now: datetime) -> str | None:
    """Why the company cannot be mapped so. What is mapped so already may get another first month, whatever it is."""
    if known.changes_nothing(row):
        return None
    not_from = first_months.why_not_from(row.bill_from, first_month, now)
    return not_from or (None if known.is_kept(row) else known.why_not(row))


def contradictions(rows: Sequence[Row], known: Known) -> list[str]:
    """Faults of rows that do not go together, or with the companies that are not in the file."""
    of_company: defaultdict[int, list[Row]] = defaultdict(list)
    holders: defaultdict[str, list[int]] = defaultdict(list)
    for row in rows:
        of_company[row.company_id].append(row)
        holders[row.organization_id or ""].append(row.company_id)
    for mapping in known.mappings.values():
        if mapping.company_id not in of_company and known.companies[mapping.company_id].gone_at is None:
            holders[mapping.organization_id].append(mapping.company_id)
    faults: list[str] = []
    for row in rows:
        others = [number for number in holders[row.organization_id or ""] if number != row.company_id]
        if row.organization_id and others:
            other = known.companies.get(others[0])
            name = name_and_id(other) if other else str(others[0])
            faults.append(f"row {row.number}: the organization {row.organization_id} is the company {name}'s")
        own = of_company[row.company_id]
        same = next(one for one in own if one.organization_id == row.organization_id)
        if same is not row:
            which = f" with the organization {row.organization_id}" if row.organization_id else ""
            faults.append(f"row {row.number}: the company {row.company_id}{which} is in row {same.number} already")
        elif row.is_bare and len(own) > 1:
            faults.append(
                f"row {row.number}: the company {row.company_id} is in other rows, too: only one that stands alone "
                "unmaps it"
            )
    return faults


def beside_others(rows: Sequence[Row], known: Known) -> Iterator[str]:
    """What to know about the rows that give a company an organization beside others, a sentence each."""
    billed: defaultdict[int, list[OrganizationRow]] = defaultdict(list)
    for row in rows:
        if row.organization_id and known.has(row):
            billed[row.company_id].append(known.organizations[row.organization_id])
    for row in rows:
        if row.organization_id and not known.has(row):
            others = billed[row.company_id]
            if others:
                yield f"Row {row.number}: {beside(known.companies[row.company_id], others)}"
            others.append(known.organizations[row.organization_id])


def dropped(rows: Iterable[Row], known: Known) -> list[tuple[Row, CompanyMappingRow]]:
    """The mappings that end, each with the first row of its company: none of the rows has the organization."""
    kept: set[str | None] = set()
    first_row_of: dict[int, Row] = {}
    for row in rows:
        kept.add(row.organization_id)
        first_row_of.setdefault(row.company_id, row)
    return [
        (first_row_of[mapping.company_id], mapping)
        for mapping in known.mappings.values()
        if mapping.company_id in first_row_of and mapping.organization_id not in kept
    ]


def read_known(session: Session) -> Known:
    """What rows are compared with."""
    in_order = select(CompanyMappingRow).order_by(CompanyMappingRow.company_id, CompanyMappingRow.organization_id)
    return Known(
        companies={row.id: row for row in session.scalars(select(CompanyRow))},
        agreements={row.id: row for row in session.scalars(select(AgreementRow))},
        organizations={row.id: row for row in session.scalars(select(OrganizationRow))},
        mappings={row.organization_id: row for row in session.scalars(in_order)},
        used=frozenset(session.scalars(select(OrganizationUsageRow.organization_id).distinct())),
    )
