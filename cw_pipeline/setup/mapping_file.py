"""Many mappings at once, through a file: export, backup, apply. `mapping_csv` has its form."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from cw_pipeline.billing.identity import as_marked
from cw_pipeline.setup import bill_from as first_months
from cw_pipeline.setup.audit import AuditAction, log_action, setup_transaction
from cw_pipeline.setup.errors import MappingFileRefused, WarningsNotAccepted
from cw_pipeline.setup.guards import connected_integration
from cw_pipeline.setup.left_behind import left_behind
from cw_pipeline.setup.mapping import snapshot, store_mapping
from cw_pipeline.setup.mapping_csv import Cells, Row, read_rows, write_rows
from cw_pipeline.setup.mapping_rows import (
    Known,
    beside_others,
    contradictions,
    dropped,
    fault,
    only_names,
    read_known,
    warnings,
)
from cw_pipeline.vocabulary import Month
from cw_pipeline.warehouse.connection_key import psa_of
from cw_pipeline.warehouse.names import name_and_id
from cw_pipeline.warehouse.tables import CompanyMappingRow, OrganizationRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from cw_pipeline.setup.suggest import Suggestion
    from cw_pipeline.warehouse.database import Warehouse


@dataclass(frozen=True)
class Exported:
    """A mapping file that was written.

    Attributes:
        mapped: Rows of mappings: a company may have several.
        suggested: Rows filled in with a suggestion.
        unmapped: Rows left to fill in.
    """

    file: Path
    mapped: int
    suggested: int
    unmapped: int


@dataclass(frozen=True)
class Applied:
    """What applying a mapping file did, in organizations.

    Attributes:
        unchanged: Rows that say what was so already.
        bill_from: The first month that is billed for a new mapping whose row names none.
        warnings: What may go wrong and what is left out, a sentence each, with its row.
    """

    mapped: int
    remapped: int
    unmapped: int
    unchanged: int
    bill_from: Month
    warnings: tuple[str, ...] = ()

    @property
    def changes(self) -> dict[str, int]:
        """How many organizations were mapped, mapped anew and unmapped, where there were any."""
        numbers = {"mapped": self.mapped, "remapped": self.remapped, "unmapped": self.unmapped}
        return {name: number for name, number in numbers.items() if number}


def export_mappings(warehouse: Warehouse, file: Path, *, suggestions: Iterable[Suggestion] = ()) -> Exported:
    """Write every company with what it is mapped to, ready to be completed and applied.

    Args:
        warehouse: Where the mappings are.
        file: Is overwritten.
        suggestions: Those that are certain fill in the rows of their companies.

    Raises:
        FileRefused: If the file cannot be written.
    """
    certain = {one.company.id: one for one in suggestions if one.certain and one.agreement is not None}
    rows: list[Cells] = []
    mapped = 0
    with warehouse.transaction() as session:
        known = read_known(session)
    for company in sorted(known.companies.values(), key=lambda company: (company.name.casefold(), company.id)):
        mappings, suggestion = known.by_company.get(company.id, ()), certain.get(company.id)
        empty = Cells(str(company.id), company.name)
        if mappings:
            mapped += len(mappings)
            rows += [_mapping_cells(known, mapping) for mapping in mappings]
        elif suggestion is not None and suggestion.agreement is not None:
            agreement, organization = suggestion.agreement, suggestion.organization
            rows.append(Cells(*empty[:2], str(agreement.id), agreement.name, str(organization.id), organization.name))
        elif company.gone_at is None:
            rows.append(empty)
    write_rows(file, rows, mode="w")
    suggested = sum(1 for row in rows if row.organization_id) - mapped
    return Exported(file, mapped, suggested, len(rows) - mapped - suggested)


def write_backup(session: Session, file: Path) -> int:
    """Write the mappings alone to a new file and return how many there are.

    Raises:
        FileRefused: If the file exists or cannot be written.
    """
    known = read_known(session)
    write_rows(file, [_mapping_cells(known, mapping) for mapping in known.mappings.values()], mode="x")
    return len(known.mappings)


def apply_mappings(
    warehouse: Warehouse, file: Path, now: datetime, *, accept_warnings: bool = False, first_month: Month
) -> Applied:
    """Do what the rows say, all or nothing: map, map anew, or (without agreement and organization) unmap the company.

    A company's rows are its whole mapping: an organization that it has and they leave out is unmapped. That has to be
    accepted, unless it is its only one and its row names no other: then the row asks for just that. Companies that are
    not in the file are left alone, and a row that changes nothing is not questioned. Only what comes out at the end has
    to be right, so rows may swap organizations. `first_month` is the first that is ever synced.

    Raises:
        MappingFileRefused: If any row is faulty; names them all.
        WarningsNotAccepted: If there is something to know about a row first, and `accept_warnings` is not set.
        NotConnected: If nothing is connected.
    """
    rows, faults = read_rows(file)
    with setup_transaction(warehouse) as session:
        psa = psa_of(connected_integration(session))
        known = read_known(session)
        faults += [
            f"row {row.number}: {wrong}" for row in rows if (wrong := fault(row, known, first_month, now)) is not None
        ]
        faults += contradictions(rows, known)
        if faults:
            raise MappingFileRefused(file, faults)
        about_rows = [f"Row {row.number}: {text}" for row in rows for text in warnings(row, known)]
        about_rows += beside_others(rows, known)
        asked_for, left_out = _about_dropped(session, psa, rows, known)
        if (about_rows or left_out) and not accept_warnings:
            raise WarningsNotAccepted([*left_out, *about_rows])
        nothing_done = only_names(rows, known)
        applied = _apply(session, rows, known, first_month, now)
        log_action(session, AuditAction.APPLY_MAPPINGS, file.name, after=applied.changes or None)
        unbilled = _unbilled(session, psa, rows, first_month)
        return replace(applied, warnings=(*left_out, *asked_for, *about_rows, *unbilled, *nothing_done))


def _about_dropped(session: Session, psa: str, rows: Sequence[Row], known: Known) -> tuple[list[str], list[str]]:
    """What becomes of organizations that are unmapped: those of which a row asks for that, and those left out."""
    to_drop = dropped(rows, known)
    behind = left_behind(session, psa) if to_drop else {}
    asked_for: list[str] = []
    left_out: list[str] = []
    for row, mapping in to_drop:
        company, organization = known.companies[mapping.company_id], known.organizations[mapping.organization_id]
        only_one = row.is_bare and len(known.by_company[company.id]) == 1
        lines = behind.get(as_marked(organization.id))
        about = f"Row {row.number}: {name_and_id(company)} is no longer mapped to {name_and_id(organization)}."
        (asked_for if only_one else left_out).append(" ".join(filter(None, (about, lines))))
    return asked_for, left_out


def _apply(session: Session, rows: Sequence[Row], known: Known, first_month: Month, now: datetime) -> Applied:
    done: Counter[str] = Counter(unchanged=sum(map(known.changes_nothing, rows)))
    to_store = [row for row in rows if row.organization_id and not known.changes_nothing(row)]
    for _, mapping in dropped(rows, known):
        session.delete(mapping)
        done["unmapped"] += 1
        log_action(session, AuditAction.UNMAP_COMPANY, str(mapping.company_id), before=snapshot(mapping))
    for row in to_store:
        before = snapshot(known.mapping_of(row))
        mapping = store_mapping(
            session,
            row.company_id,
            known.agreements[row.agreement_id or 0],
            row.organization_id or "",
            bill_from=row.bill_from,
            accept_terms=not known.is_kept(row) or known.why_not(row) is None,
            first_month=first_month,
            now=now,
        )
        done["remapped" if before else "mapped"] += 1
        log_action(session, AuditAction.MAP_COMPANY, str(row.company_id), before=before, after=snapshot(mapping))
    return Applied(
        done["mapped"],
        done["remapped"],
        done["unmapped"],
        done["unchanged"],
        bill_from=first_months.unless_named(first_month, now),
    )


def _unbilled(session: Session, psa: str, rows: Sequence[Row], first_month: Month) -> Iterator[str]:
    """What the first months of the rows' mappings leave out."""
    for row in rows:
        mapping = session.get(CompanyMappingRow, row.organization_id) if row.organization_id else None
        if mapping is None:
            continue
        name = name_and_id(session.get_one(OrganizationRow, mapping.organization_id))
        seats = first_months.left_out(session, psa, mapping.organization_id, mapping.bill_from, first_month)
        about = first_months.about_left_out(name, seats, mapping.bill_from, chosen=mapping.bill_from_chosen)
        if about:
            yield f"Row {row.number}: {about}"


def _mapping_cells(known: Known, mapping: CompanyMappingRow) -> Cells:
    company, agreement = known.companies[mapping.company_id], known.agreements[mapping.agreement_id]
    organization = known.organizations[mapping.organization_id]
    return Cells(
        str(company.id),
        company.name,
        str(agreement.id),
        agreement.name,
        organization.id,
        organization.name,
        str(mapping.bill_from),
    )
