"""What the rows of a mapping file would change, what is wrong with them, and what to warn of first."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from sqlalchemy import select

from cw_pipeline.setup.mapping_change import MappingChange, beside
from cw_pipeline.setup.mapping_csv import CHOOSE
from cw_pipeline.setup.suggest import normalized
from cw_pipeline.warehouse.mappings import by_company, company_mappings
from cw_pipeline.warehouse.names import name_and_id
from cw_pipeline.warehouse.tables import AgreementRow, CompanyRow, OrganizationRow

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cw_pipeline.setup.mapping_csv import Row
    from cw_pipeline.setup.mapping_session import MappingSession


class FileChanges:
    """The changes that the rows of a mapping file ask for.

    Attributes:
        faults: What is wrong with rows, each with its row. If there is anything, the other attributes are incomplete.
        to_store: The new and changed mappings, each with its row.
        to_remove: The mappings that are in no row although their company is, each with its company's first row.
        unchanged: How many rows say what is stored already.
        incomplete: What rows lack that do nothing, a sentence each.
        mapped: The mappings that each company has now.
    """

    def __init__(self, transaction: MappingSession, rows: Sequence[Row]) -> None:
        session = transaction.session
        self._transaction = transaction
        self._companies = {row.id: row for row in session.scalars(select(CompanyRow))}
        self._agreements = {row.id: row for row in session.scalars(select(AgreementRow))}
        self._organizations = {row.id: row for row in session.scalars(select(OrganizationRow))}
        self._mappings = {row.organization_id: row for row in company_mappings(session)}
        self._rows_of: defaultdict[int, list[Row]] = defaultdict(list)
        self.mapped = by_company(self._mappings.values())
        self.faults: list[str] = []
        self.to_store: list[tuple[Row, MappingChange]] = []
        self.unchanged = 0
        self.incomplete: list[str] = []
        for row in rows:
            self._rows_of[row.company_id].append(row)
            try:
                self._add(row)
            except ValueError as error:
                self.faults.append(f"row {row.number}: {error}")
        self.faults += self._contradictions(rows)
        named = {row.organization_id for row in rows}
        self.to_remove = [
            (self._rows_of[mapping.company_id][0], mapping)
            for mapping in self._mappings.values()
            if mapping.company_id in self._rows_of and mapping.organization_id not in named
        ]

    def _add(self, row: Row) -> None:
        """Find out what a row changes; a ValueError says that it is faulty."""
        cells, is_mapped = row.cells, row.company_id in self.mapped
        names_both = row.company_id in self._companies and row.organization_id in self._organizations
        if names_both and not is_mapped and row.agreement_id is None:
            company = cells.company_name or row.company_id
            self.incomplete.append(f"Row {row.number}: {company} was not mapped: choose its agreement_id.")
            return
        change = self._change(row)
        if change is None and is_mapped:
            return
        if change is None or change.changes_nothing:
            self.unchanged += 1
            names = (cells.agreement_name, cells.organization_name)
            if row.is_bare and any(name and not name.startswith(CHOOSE) for name in names):
                self.incomplete.append(
                    f"Row {row.number}: nothing was mapped. Only ids are read; this row has names but no ids."
                )
        elif change.refusal:
            raise ValueError(change.refusal)
        else:
            self.to_store.append((row, change))

    def _change(self, row: Row) -> MappingChange | None:
        """The mapping that a row asks for; None if it asks to unmap its company.

        Raises:
            ValueError: If it names something that does not exist, or not enough.
        """
        company = self._companies.get(row.company_id)
        if company is None:
            raise ValueError(f"there is no company {row.company_id}")
        if row.is_bare:
            if row.cut_short and row.company_id in self.mapped:
                raise ValueError("its last cells are missing: to unmap the company, leave them there and empty")
            return None
        if row.agreement_id is None or row.organization_id is None:
            raise ValueError("agreement_id and organization_id are needed, both (or neither, to unmap the company)")
        agreement, organization = self._agreements.get(row.agreement_id), self._organizations.get(row.organization_id)
        if agreement is None:
            raise ValueError(f"there is no agreement {row.agreement_id}")
        if organization is None:
            raise ValueError(f"there is no organization {row.organization_id}")
        current = self._mappings.get(organization.id)
        return MappingChange(
            self._transaction, company, agreement, organization, current, row.bill_from, row.trial_months
        )

    def _contradictions(self, rows: Sequence[Row]) -> Iterator[str]:
        """Faults of rows that contradict each other, or the mappings of companies that are not in the file."""
        holders: defaultdict[str | None, list[int]] = defaultdict(list)
        for row in rows:
            holders[row.organization_id].append(row.company_id)
        for mapping in self._mappings.values():
            if mapping.company_id not in self._rows_of and mapping.company.gone_at is None:
                holders[mapping.organization_id].append(mapping.company_id)
        for row in rows:
            others = (number for number in holders[row.organization_id] if number != row.company_id)
            holder = next(others, None) if row.organization_id else None
            if holder is not None:
                company = self._companies.get(holder)
                name = name_and_id(company) if company else str(holder)
                yield f"row {row.number}: the organization {row.organization_id} is the company {name}'s"
            own = self._rows_of[row.company_id]
            same = next(earlier for earlier in own if earlier.organization_id == row.organization_id)
            if same is not row:
                which = f" with the organization {row.organization_id}" if row.organization_id else ""
                yield f"row {row.number}: the company {row.company_id}{which} is in row {same.number} already"
            elif row.is_bare and len(own) > 1:
                yield (
                    f"row {row.number}: the company {row.company_id} is in other rows, too: only one that stands alone "
                    "unmaps it"
                )

    def warnings(self) -> Iterator[str]:
        """The warnings before the mappings are stored, a sentence each with its row."""
        named = {(row.company_id, row.organization_id) for rows in self._rows_of.values() for row in rows}
        billed = {
            company_id: [
                mapping.organization
                for mapping in self.mapped.get(company_id, ())
                if (company_id, mapping.organization_id) in named
            ]
            for company_id in self._rows_of
        }
        for row, change in self.to_store:
            name, company, others = row.cells.company_name, change.company, billed[row.company_id]
            if not change.keeps_agreement and _differ(name, company.name):
                yield (
                    f"Row {row.number}: The file calls the company {company.id} {name}, but it is {company.name}: the "
                    "file's ids may be those of another ConnectWise."
                )
            warnings = [*change.new_terms(), *change.about_abandoned_lines()]
            if change.organization not in others:
                warnings += [beside(company, others)] if others else []
                others.append(change.organization)
            yield from (f"Row {row.number}: {warning}" for warning in warnings)


def _differ(name_in_file: str, name: str) -> bool:
    """Whether these are two companies' names; one that a spreadsheet lost letters of says nothing."""
    is_legible = name_in_file and "\ufffd" not in name_in_file
    return bool(is_legible) and normalized(name_in_file).words != normalized(name).words
