"""What the rows of a mapping file would do: what is wrong with them, and what to know first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from cw_pipeline.billing.months import Month
from cw_pipeline.integration import bill_from as first_months
from cw_pipeline.integration import terms
from cw_pipeline.integration.mappable import why_not
from cw_pipeline.integration.suggest import normalized
from cw_pipeline.warehouse.tables import Agreement, Company, CompanyMapping, Organization, UsageRow

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from cw_pipeline.integration.mapping_csv import Row


@dataclass(frozen=True)
class Known:
    """What is imported, listed and mapped, by id."""

    companies: Mapping[int, Company]
    agreements: Mapping[int, Agreement]
    organizations: Mapping[str, Organization]
    mappings: Mapping[int, CompanyMapping]
    used: frozenset[str]
    """The organizations that a usage report has."""

    def is_kept(self, row: Row) -> bool:
        """Whether the row has the company's agreement and organization as they are mapped."""
        mapping = self.mappings.get(row.company_id)
        return mapping is not None and (mapping.agreement_id, mapping.organization_id) == (
            row.agreement_id,
            row.organization_id,
        )

    def changes_nothing(self, row: Row) -> bool:
        """Whether the row is as the company is mapped: then nobody is asked about it, and nothing is accepted."""
        return self.is_kept(row) and row.bill_from in (None, Month.parse(self.mappings[row.company_id].bill_from))

    def why_not(self, row: Row) -> str | None:
        """Why what the row names cannot be mapped to each other."""
        organization = self.organizations[row.organization_id or ""]
        company, agreement = self.companies[row.company_id], self.agreements[row.agreement_id or 0]
        return why_not(company, agreement, organization, used=organization.id in self.used)


def warnings(row: Row, known: Known) -> tuple[str, ...]:
    """What to know about the agreement that the row maps anew, and about the company if it has another name by now."""
    if row.agreement_id is None or known.changes_nothing(row) or known.why_not(row):
        return ()
    mapping, name = known.mappings.get(row.company_id), known.companies[row.company_id].name
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
        if row.names and row.agreement_id is None and row.company_id not in known.mappings
    ]


def fault(row: Row, known: Known, first_month: Month, now: datetime) -> str | None:
    """What is wrong with a row; None where it can be done."""
    if row.company_id not in known.companies:
        return f"there is no company {row.company_id}"
    if row.agreement_id is None and row.organization_id is None:
        cut_short = row.cut_short and row.company_id in known.mappings
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


def shared_organizations(rows: Sequence[Row], known: Known) -> list[str]:
    """Faults of the rows whose organization another company would have as well at the end."""
    final = {company: mapping.organization_id for company, mapping in known.mappings.items()}
    final.update({row.company_id: row.organization_id or "" for row in rows})
    holders: defaultdict[str, list[int]] = defaultdict(list)
    for company_id, organization_id in final.items():
        holders[organization_id].append(company_id)
    faults: list[str] = []
    for row in rows:
        others = [number for number in holders[row.organization_id or ""] if number != row.company_id]
        if row.organization_id and others:
            other = known.companies.get(others[0])
            name = f"{other.name} ({other.id})" if other else str(others[0])
            faults.append(f"row {row.number}: the organization {row.organization_id} is the company {name}'s")
    return faults


def read_known(session: Session) -> Known:
    """What rows are compared with."""
    return Known(
        companies={row.id: row for row in session.scalars(select(Company))},
        agreements={row.id: row for row in session.scalars(select(Agreement))},
        organizations={row.id: row for row in session.scalars(select(Organization))},
        mappings={
            row.company_id: row for row in session.scalars(select(CompanyMapping).order_by(CompanyMapping.company_id))
        },
        used=frozenset(session.scalars(select(UsageRow.organization_id).distinct())),
    )
