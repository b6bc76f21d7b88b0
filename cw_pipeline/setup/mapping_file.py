"""All mappings at once, in a file: export, backup, apply. `mapping_csv` has its form."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import select

from cw_pipeline.billing.identity import as_marked
from cw_pipeline.reports.agreement_terms import why_not_billable
from cw_pipeline.reports.listings import active_agreements
from cw_pipeline.setup.audit import AuditAction, log_action
from cw_pipeline.setup.errors import MappingFileRefused, WarningsNotAccepted
from cw_pipeline.setup.mapping import left_behind, names_and_ids
from cw_pipeline.setup.mapping_change import remove_mapping
from cw_pipeline.setup.mapping_csv import Cells, name_of, read_rows, to_choose, write_rows
from cw_pipeline.setup.mapping_rows import FileChanges
from cw_pipeline.setup.mapping_session import mapping_session, unbilled_usage_warning
from cw_pipeline.vocabulary import Month
from cw_pipeline.warehouse.mappings import company_mappings
from cw_pipeline.warehouse.names import name_and_id
from cw_pipeline.warehouse.tables import CompanyMappingRow, CompanyRow

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from cw_pipeline.setup.mapping_csv import Row
    from cw_pipeline.setup.mapping_session import MappingSession
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
        NotPossible: If the file cannot be written.
    """
    with warehouse.transaction() as session:
        mapped = list(map(_mapping_cells, company_mappings(session)))
        unmapped = rows_to_complete(session, suggestions)
    file = file.absolute()
    write_rows(file, sorted([*mapped, *unmapped], key=_by_company_name), mode="w")
    suggested = sum(bool(row.agreement_id) for row in unmapped)
    return Exported(file, len(mapped), suggested, len(unmapped) - suggested)


def write_backup(session: Session, file: Path) -> int:
    """Write the mappings alone to a new file and return how many there are.

    Raises:
        NotPossible: If the file exists or cannot be written.
    """
    mappings = company_mappings(session)
    write_rows(file, map(_mapping_cells, mappings), mode="x")
    return len(mappings)


def rows_to_complete(session: Session, suggestions: Sequence[Suggestion] | None) -> list[Cells]:
    """A row for each company that is not mapped, by name.

    With suggestions, those that are certain are filled in, and so is an organization that is certain where an agreement
    has to be chosen. Names that list what to choose from, with ids, are as `to_choose` writes them.
    """
    suggested = {suggestion.company.id: suggestion for suggestion in suggestions or ()}
    agreements = active_agreements(session)
    is_mapped = CompanyRow.id.in_(select(CompanyMappingRow.company_id))
    rows: list[Cells] = []
    for company in session.scalars(select(CompanyRow).where(CompanyRow.gone_at.is_(None), ~is_mapped)):
        row, suggestion = Cells(str(company.id), company.name), suggested.get(company.id)
        if suggestion is not None and suggestion.certain and suggestion.agreement is not None:
            row = row._replace(agreement_id=str(suggestion.agreement.id), agreement_name=suggestion.agreement.name)
        elif suggestions is not None:
            own = agreements.get(company.id, ())
            row = row._replace(
                agreement_name=to_choose(agreement for agreement in own if not why_not_billable(agreement))
            )
        if suggestion is not None:
            organization = suggestion.organization
            if suggestion.organization_certain:
                row = row._replace(organization_id=str(organization.id), organization_name=organization.name)
            else:
                row = row._replace(organization_name=to_choose([organization]))
        rows.append(row)
    return sorted(rows, key=_by_company_name)


def _by_company_name(row: Cells) -> tuple[str, int]:
    return row.company_name.casefold(), int(row.company_id)


def _mapping_cells(mapping: CompanyMappingRow) -> Cells:
    names = {name: str(value) for name, value in names_and_ids(mapping).items()}
    return Cells(**names, bill_from=str(mapping.bill_from), trial_months=str(mapping.trial_months or ""))


def apply_mappings(
    warehouse: Warehouse, source: Path | str, now: datetime, *, accept_warnings: bool = False, first_month: Month
) -> Applied:
    """Do what the rows of a file or of pasted text say, all or nothing.

    Rows map or remap a company or, without agreement and organization, unmap it. A company's rows replace all of its
    mappings, with a warning for each that they leave out, unless one row unmaps the company's only organization;
    companies that are not in the file are left alone. Only the result has to be right, so rows may swap organizations.
    A row that changes nothing is not checked, and one that lacks only the agreement does nothing but say so.
    `first_month` is the first that is ever synced.

    Raises:
        MappingFileRefused: If any row is faulty; names them all.
        WarningsNotAccepted: If there are warnings, and `accept_warnings` is not set.
    """
    rows, faults = read_rows(source)
    with mapping_session(warehouse, first_month, now) as transaction:
        changes = FileChanges(transaction, rows)
        if faults or changes.faults:
            raise MappingFileRefused(name_of(source), [*faults, *changes.faults])
        asked_for, dropped = _removals(transaction, changes)
        warnings = [*dropped, *changes.warnings()]
        if warnings and not accept_warnings:
            raise WarningsNotAccepted(warnings)
        for _, mapping in changes.to_remove:
            remove_mapping(transaction.session, mapping)
        for _, change in changes.to_store:
            change.store()
        remapped = sum(change.current is not None for _, change in changes.to_store)
        mapped, unmapped = len(changes.to_store) - remapped, len(changes.to_remove)
        numbers = {"mapped": mapped, "remapped": remapped, "unmapped": unmapped}
        done = {name: number for name, number in numbers.items() if number}
        subject = "pasted CSV" if isinstance(source, str) else source.name
        log_action(transaction.session, AuditAction.APPLY_MAPPINGS, subject, after=done or None)
        warnings += [*asked_for, *_unbilled_usage(transaction, rows), *changes.incomplete]
        return Applied(
            **numbers, unchanged=changes.unchanged, bill_from=transaction.default_bill_from, warnings=tuple(warnings)
        )


def _removals(transaction: MappingSession, changes: FileChanges) -> tuple[list[str], list[str]]:
    """The mappings to remove, a sentence each: those that a row asks for, and those that rows only leave out."""
    lines = left_behind(transaction.session, transaction.psa) if changes.to_remove else {}
    asked_for: list[str] = []
    dropped: list[str] = []
    for row, mapping in changes.to_remove:
        company, organization = mapping.company, mapping.organization
        removal = f"Row {row.number}: {name_and_id(company)} is no longer mapped to {name_and_id(organization)}."
        is_asked_for = row.is_bare and len(changes.mapped[company.id]) == 1
        sentences = [removal, *filter(None, [lines.get(as_marked(organization.id))])]
        (asked_for if is_asked_for else dropped).append(" ".join(sentences))
    return asked_for, dropped


def _unbilled_usage(transaction: MappingSession, rows: Sequence[Row]) -> Iterator[str]:
    """The usage that the first months of the rows' mappings leave out, a sentence each."""
    usage = transaction.unbilled_usage()
    for row in rows:
        if seats := usage.get(row.organization_id or ""):
            mapping = transaction.session.get_one(CompanyMappingRow, row.organization_id)
            yield f"Row {row.number}: {unbilled_usage_warning(mapping, seats)}"
