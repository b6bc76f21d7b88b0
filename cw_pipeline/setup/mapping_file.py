"""All mappings at once, in a file: export, backup, apply. `mapping_csv` has its form."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import select

from cw_pipeline.billing.identity import as_marked
from cw_pipeline.reports.agreement_terms import why_not_billable
from cw_pipeline.reports.listings import active_agreements
from cw_pipeline.setup.audit import AuditAction, log_action, setup_transaction
from cw_pipeline.setup.bill_from import SyncedMonths, about_left_out, left_out
from cw_pipeline.setup.errors import MappingFileRefused, WarningsNotAccepted
from cw_pipeline.setup.guards import require_connected
from cw_pipeline.setup.mapping import left_behind
from cw_pipeline.setup.mapping_csv import Cells, name_of, read_rows, to_choose, write_rows
from cw_pipeline.setup.mapping_rows import FileChanges
from cw_pipeline.setup.wanted_mapping import remove_mapping
from cw_pipeline.vocabulary import Month
from cw_pipeline.warehouse.mappings import by_company, company_mappings
from cw_pipeline.warehouse.names import name_and_id
from cw_pipeline.warehouse.psa import psa_of
from cw_pipeline.warehouse.tables import CompanyMappingRow, CompanyRow

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from cw_pipeline.setup.mapping_csv import Row
    from cw_pipeline.setup.suggest import Suggestion
    from cw_pipeline.warehouse.database import Warehouse


@dataclass(frozen=True)
class Exported:
    """A mapping file that was written, with how many rows of each kind; a company may have several mappings."""

    file: Path
    mapped: int
    suggested: int
    unmapped: int


@dataclass(frozen=True)
class Applied:
    """What applying a mapping file did, in organizations.

    Attributes:
        unchanged: Rows that say what was stored already.
        bill_from: The first month that is billed for a new mapping whose row names none.
        warnings: What may go wrong and what is left out, a sentence each, with its row.
    """

    mapped: int
    remapped: int
    unmapped: int
    unchanged: int
    bill_from: Month
    warnings: tuple[str, ...] = ()


def export_mappings(warehouse: Warehouse, file: Path, *, suggestions: Sequence[Suggestion] | None = None) -> Exported:
    """Write every company with its mappings to `file`, which is overwritten, ready to be completed and applied.

    Unmapped companies are as `rows_to_complete` has them, with these `suggestions`.

    Raises:
        FileRefused: If the file cannot be written.
    """
    with warehouse.transaction() as session:
        mapped = [_mapping_cells(mapping) for mapping in company_mappings(session)]
        unmapped = rows_to_complete(session, suggestions)
    file = file.absolute()
    write_rows(
        file, sorted([*mapped, *unmapped], key=lambda row: (row.company_name.casefold(), int(row.company_id))), mode="w"
    )
    suggested = sum(bool(row.agreement_id) for row in unmapped)
    return Exported(file, len(mapped), suggested, len(unmapped) - suggested)


def rows_to_complete(session: Session, suggestions: Sequence[Suggestion] | None) -> list[Cells]:
    """A row for each company that is not mapped, by name.

    With suggestions, those that are certain are filled in, and so is an organization that is certain where an agreement
    has to be chosen. Names that list what to choose from, with ids, are as `to_choose` writes them.
    """
    mapped = by_company(company_mappings(session))
    suggested = {one.company.id: one for one in suggestions or ()}
    agreements = active_agreements(session)
    rows: list[Cells] = []
    for company in session.scalars(select(CompanyRow).where(CompanyRow.gone_at.is_(None))):
        if company.id in mapped:
            continue
        row, suggestion = Cells(str(company.id), company.name), suggested.get(company.id)
        if suggestion is not None and suggestion.certain and suggestion.agreement is not None:
            row = row._replace(agreement_id=str(suggestion.agreement.id), agreement_name=suggestion.agreement.name)
        elif suggestions is not None:
            billable = [one for one in agreements.get(company.id, ()) if not why_not_billable(one)]
            row = row._replace(agreement_name=to_choose(billable))
        if suggestion is not None and suggestion.organization_certain:
            organization = suggestion.organization
            row = row._replace(organization_id=str(organization.id), organization_name=organization.name)
        elif suggestion is not None:
            row = row._replace(organization_name=to_choose([suggestion.organization]))
        rows.append(row)
    return sorted(rows, key=lambda row: (row.company_name.casefold(), int(row.company_id)))


def write_backup(session: Session, file: Path) -> int:
    """Write the mappings alone to a new file and return how many there are.

    Raises:
        FileRefused: If the file exists or cannot be written.
    """
    mappings = company_mappings(session)
    write_rows(file, map(_mapping_cells, mappings), mode="x")
    return len(mappings)


def _mapping_cells(mapping: CompanyMappingRow) -> Cells:
    company, agreement, organization = mapping.company, mapping.agreement, mapping.organization
    return Cells(
        str(company.id),
        company.name,
        str(agreement.id),
        agreement.name,
        organization.id,
        organization.name,
        str(mapping.bill_from),
        str(mapping.trial_months or ""),
    )


def apply_mappings(
    warehouse: Warehouse, source: Path | str, now: datetime, *, accept_warnings: bool = False, first_month: Month
) -> Applied:
    """Do what the rows of a file or of pasted text say, all or nothing.

    They map, map anew, or (without agreement and organization) unmap the company. A company's rows replace all of its
    mappings; a row that changes nothing is not checked; companies that are not in the file are left alone. Only the
    result has to be right, so rows may swap organizations. There is a warning for each mapping that a company's rows
    leave out, unless one row asks to unmap the company's only organization. A row that names the organization of an
    unmapped company, and no agreement yet, does nothing but say so.
    `first_month` is the first that is ever synced.

    Raises:
        MappingFileRefused: If any row is faulty; names them all.
        WarningsNotAccepted: If there are warnings, and `accept_warnings` is not set.
        NotConnected: If nothing is connected.
    """
    rows, faults = read_rows(source)
    months = SyncedMonths(first_month, now)
    with setup_transaction(warehouse) as session:
        psa = psa_of(require_connected(session))
        changes = FileChanges(session, psa, rows, months)
        if faults or changes.faults:
            raise MappingFileRefused(name_of(source), [*faults, *changes.faults])
        asked_for, dropped = _about_removed(session, psa, changes)
        warnings = [*dropped, *changes.warnings()]
        if warnings and not accept_warnings:
            raise WarningsNotAccepted(warnings)
        for _, mapping in changes.to_remove:
            remove_mapping(session, mapping)
        for _, wanted in changes.to_store:
            wanted.store(session, months)
        remapped = sum(wanted.current is not None for _, wanted in changes.to_store)
        mapped, unmapped = len(changes.to_store) - remapped, len(changes.to_remove)
        numbers = {"mapped": mapped, "remapped": remapped, "unmapped": unmapped}
        changed = {name: number for name, number in numbers.items() if number}
        subject = "pasted CSV" if isinstance(source, str) else source.name
        log_action(session, AuditAction.APPLY_MAPPINGS, subject, after=changed or None)
        about = (*dropped, *asked_for, *warnings[len(dropped) :], *_left_out(session, psa, rows, first_month))
        return Applied(mapped, remapped, unmapped, changes.unchanged, months.default, (*about, *changes.left_open))


def _about_removed(session: Session, psa: str, changes: FileChanges) -> tuple[list[str], list[str]]:
    """What is unmapped, a sentence each: what a row asks for, and what rows only leave out."""
    behind = left_behind(session, psa) if changes.to_remove else dict[str, str]()
    asked_for: list[str] = []
    dropped: list[str] = []
    for row, mapping in changes.to_remove:
        company, organization = mapping.company, mapping.organization
        about = f"Row {row.number}: {name_and_id(company)} is no longer mapped to {name_and_id(organization)}."
        is_asked_for = row.is_bare and len(changes.mapped[company.id]) == 1
        sentences = (about, behind.get(as_marked(organization.id)))
        (asked_for if is_asked_for else dropped).append(" ".join(filter(None, sentences)))
    return asked_for, dropped


def _left_out(session: Session, psa: str, rows: Sequence[Row], first_month: Month) -> Iterator[str]:
    """The usage that the first months of the rows' mappings leave out, a sentence each."""
    seats = left_out(session, psa, first_month)
    for row in rows:
        if row.organization_id in seats:
            mapping = session.get_one(CompanyMappingRow, row.organization_id)
            yield f"Row {row.number}: {about_left_out(mapping, seats[row.organization_id])}"
