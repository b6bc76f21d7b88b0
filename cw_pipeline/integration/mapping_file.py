"""Many mappings at once, through a file: export, backup, apply. `mapping_csv` has its form."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from cw_pipeline.billing.months import Month
from cw_pipeline.integration import bill_from as first_months
from cw_pipeline.integration.access import act, connected_integration, psa_of
from cw_pipeline.integration.audit import Deed, record
from cw_pipeline.integration.errors import MappingFileRefused, WarningsNotAccepted
from cw_pipeline.integration.mapping import snapshot, store_mapping
from cw_pipeline.integration.mapping_csv import Cells, Row, read_rows, write_rows
from cw_pipeline.integration.mapping_rows import Known, fault, only_names, read_known, shared_organizations, warnings
from cw_pipeline.integration.reconcile import name_and_id
from cw_pipeline.warehouse.tables import CompanyMapping, Organization

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from cw_pipeline.integration.suggest import Suggestion
    from cw_pipeline.warehouse.database import Warehouse


@dataclass(frozen=True)
class Exported:
    """A mapping file that was written.

    Attributes:
        mapped: Rows of companies that are mapped.
        suggested: Rows filled in with a suggestion.
        unmapped: Rows left to fill in.
    """

    file: Path
    mapped: int
    suggested: int
    unmapped: int


@dataclass(frozen=True)
class Applied:
    """What applying a mapping file did, in companies.

    Attributes:
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
        """How many companies were mapped, mapped anew and unmapped, where there were any."""
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
        mapping, suggestion = known.mappings.get(company.id), certain.get(company.id)
        empty = Cells(str(company.id), company.name)
        if mapping is not None:
            mapped += 1
            rows.append(_mapping_cells(known, mapping))
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

    Companies that are not in the file are left alone, and a row that changes nothing is not questioned. Only what comes
    out at the end has to be right, so rows may swap organizations. ``first_month`` is the first that is ever synced.

    Raises:
        MappingFileRefused: If any row is faulty; names them all.
        WarningsNotAccepted: If there is something to know about a row first, and ``accept_warnings`` is not set.
        NotConnected: If nothing is connected.
    """
    rows, faults = read_rows(file)
    with act(warehouse) as session:
        psa = psa_of(connected_integration(session))
        known = read_known(session)
        faults += [
            f"row {row.number}: {wrong}" for row in rows if (wrong := fault(row, known, first_month, now)) is not None
        ]
        faults += shared_organizations(rows, known)
        if faults:
            raise MappingFileRefused(file, faults)
        about_agreements = [f"Row {row.number}: {text}" for row in rows for text in warnings(row, known)]
        if about_agreements and not accept_warnings:
            raise WarningsNotAccepted(about_agreements)
        applied = _apply(session, rows, known, first_month, now)
        record(session, Deed.APPLY_MAPPINGS, file.name, after=applied.changes or None)
        left_out = _left_out(session, psa, rows, first_month)
        return replace(applied, warnings=(*about_agreements, *left_out, *only_names(rows, known)))


def _apply(session: Session, rows: Sequence[Row], known: Known, first_month: Month, now: datetime) -> Applied:
    done: Counter[str] = Counter()
    before = {company_id: snapshot(mapping) for company_id, mapping in known.mappings.items()}
    to_store = [
        (row, not known.is_kept(row) or known.why_not(row) is None)
        for row in rows
        if row.agreement_id and not known.changes_nothing(row)
    ]
    for row in rows:
        mapping = known.mappings.get(row.company_id)
        if mapping is not None and mapping.organization_id != row.organization_id:
            session.delete(mapping)
            if row.agreement_id is None:
                done["unmapped"] += 1
                record(session, Deed.UNMAP_COMPANY, str(row.company_id), before=before[row.company_id])
    session.flush()
    for row, accept_terms in to_store:
        mapping = store_mapping(
            session,
            row.company_id,
            known.agreements[row.agreement_id or 0],
            row.organization_id or "",
            bill_from=row.bill_from,
            accept_terms=accept_terms,
            first_month=first_month,
            now=now,
        )
        done["remapped" if row.company_id in before else "mapped"] += 1
        record(
            session, Deed.MAP_COMPANY, str(row.company_id), before=before.get(row.company_id), after=snapshot(mapping)
        )
    return Applied(
        done["mapped"],
        done["remapped"],
        done["unmapped"],
        len(rows) - done.total(),
        bill_from=first_months.unless_named(first_month, now),
    )


def _left_out(session: Session, psa: str, rows: Sequence[Row], first_month: Month) -> Iterator[str]:
    """What the first months of the rows' mappings leave out."""
    for row in rows:
        mapping = session.get(CompanyMapping, row.company_id)
        if mapping is None:
            continue
        first = Month.parse(mapping.bill_from)
        name = name_and_id(session.get_one(Organization, mapping.organization_id))
        seats = first_months.left_out(session, psa, mapping.organization_id, first, first_month)
        about = first_months.about_left_out(name, seats, first, chosen=mapping.bill_from_chosen)
        if about:
            yield f"Row {row.number}: {about}"


def _mapping_cells(known: Known, mapping: CompanyMapping) -> Cells:
    company, agreement = known.companies[mapping.company_id], known.agreements[mapping.agreement_id]
    organization = known.organizations[mapping.organization_id]
    return Cells(
        str(company.id),
        company.name,
        str(agreement.id),
        agreement.name,
        organization.id,
        organization.name,
        mapping.bill_from,
    )
