"""Many mappings at once, through a file: export, backup, apply. `mapping_csv` has its form."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import select

from cw_pipeline.billing.months import Month
from cw_pipeline.integration.access import act, connected_integration
from cw_pipeline.integration.audit import Deed, record
from cw_pipeline.integration.errors import MappingFileRefused, WarningsNotAccepted
from cw_pipeline.integration.mapping import snapshot, store_mapping, warnings, why_not
from cw_pipeline.integration.mapping_csv import Cells, Row, read_rows, write_rows
from cw_pipeline.integration.suggest import normalized
from cw_pipeline.warehouse.tables import Agreement, Company, CompanyMapping, Organization

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
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
        warnings: What may go wrong, a sentence each, with its row.
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


@dataclass(frozen=True)
class _Known:
    companies: Mapping[int, Company]
    agreements: Mapping[int, Agreement]
    organizations: Mapping[str, Organization]
    mappings: Mapping[int, CompanyMapping]


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
        known = _read_known(session)
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
    known = _read_known(session)
    write_rows(file, [_mapping_cells(known, mapping) for mapping in known.mappings.values()], mode="x")
    return len(known.mappings)


def apply_mappings(warehouse: Warehouse, file: Path, now: datetime, *, accept_warnings: bool = False) -> Applied:
    """Do what the rows say, all or nothing: map, map anew, or (without agreement and organization) unmap the company.

    Companies that are not in the file are left alone, and a row that changes nothing is not questioned. Only what comes
    out at the end has to be right, so rows may swap organizations.

    Raises:
        MappingFileRefused: If any row is faulty; names them all.
        WarningsNotAccepted: If there is something to know about a row first, and ``accept_warnings`` is not set.
        NotConnected: If nothing is connected.
    """
    rows, faults = read_rows(file)
    with act(warehouse) as session:
        connected_integration(session)
        known = _read_known(session)
        faults += [f"row {row.number}: {fault}" for row in rows if (fault := _fault(row, known))]
        faults += _shared_organizations(rows, known)
        if faults:
            raise MappingFileRefused(file, faults)
        about_agreements = [f"Row {row.number}: {text}" for row in rows for text in _warnings(row, known)]
        if about_agreements and not accept_warnings:
            raise WarningsNotAccepted(about_agreements)
        applied = replace(_apply(session, rows, known, now), warnings=(*about_agreements, *_only_names(rows, known)))
        record(session, Deed.APPLY_MAPPINGS, file.name, after=applied.changes or None)
        return applied


def _apply(session: Session, rows: Sequence[Row], known: _Known, now: datetime) -> Applied:
    done: Counter[str] = Counter()
    before = {company_id: snapshot(mapping) for company_id, mapping in known.mappings.items()}
    for row in rows:
        mapping = known.mappings.get(row.company_id)
        if mapping is not None and mapping.organization_id != row.organization_id:
            session.delete(mapping)
    session.flush()
    for row in rows:
        was = before.get(row.company_id)
        if row.agreement_id is None or row.organization_id is None:
            done["unmapped" if was else "unchanged"] += 1
            record(session, Deed.UNMAP_COMPANY, str(row.company_id), before=was)
            continue
        mapping, changed = store_mapping(
            session, row.company_id, row.agreement_id, row.organization_id, bill_from=row.bill_from, now=now
        )
        done["unchanged" if not changed else "remapped" if was else "mapped"] += 1
        record(session, Deed.MAP_COMPANY, str(row.company_id), before=was, after=snapshot(mapping))
    return Applied(
        done["mapped"], done["remapped"], done["unmapped"], done["unchanged"], bill_from=Month.last_closed(now)
    )


def _warnings(row: Row, known: _Known) -> tuple[str, ...]:
    """What to know about the agreement that the row maps anew, and about the company if it has another name by now."""
    mapping = known.mappings.get(row.company_id)
    if row.agreement_id is None or (mapping is not None and mapping.agreement_id == row.agreement_id):
        return ()
    name = known.companies[row.company_id].name
    about_agreement = warnings(known.agreements[row.agreement_id])
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


def _only_names(rows: Sequence[Row], known: _Known) -> list[str]:
    """Rows in which somebody wrote names and no ids, and which therefore do nothing."""
    return [
        f"Row {row.number}: nothing was mapped, because names count for nothing: write the ids."
        for row in rows
        if row.names and row.agreement_id is None and row.company_id not in known.mappings
    ]


def _fault(row: Row, known: _Known) -> str | None:
    company = known.companies.get(row.company_id)
    if company is None:
        return f"there is no company {row.company_id}"
    if row.agreement_id is None and row.organization_id is None:
        cut_short = row.cut_short and row.company_id in known.mappings
        return "its last cells are missing: to unmap the company, leave them there and empty" if cut_short else None
    if row.agreement_id is None or row.organization_id is None:
        return "agreement_id and organization_id are needed, both (or neither, to unmap the company)"
    agreement = known.agreements.get(row.agreement_id)
    if agreement is None:
        return f"there is no agreement {row.agreement_id}"
    organization = known.organizations.get(row.organization_id)
    if organization is None:
        return f"there is no organization {row.organization_id}"
    mapping = known.mappings.get(row.company_id)
    is_as_before = mapping is not None and (mapping.agreement_id, mapping.organization_id) == (
        agreement.id,
        organization.id,
    )
    return None if is_as_before else why_not(company, agreement, organization)


def _shared_organizations(rows: Sequence[Row], known: _Known) -> list[str]:
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


def _read_known(session: Session) -> _Known:
    return _Known(
        companies={row.id: row for row in session.scalars(select(Company))},
        agreements={row.id: row for row in session.scalars(select(Agreement))},
        organizations={row.id: row for row in session.scalars(select(Organization))},
        mappings={
            row.company_id: row for row in session.scalars(select(CompanyMapping).order_by(CompanyMapping.company_id))
        },
    )


def _mapping_cells(known: _Known, mapping: CompanyMapping) -> Cells:
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
