"""What the rows of a mapping file would change, what is wrong with them, and what to know first."""

from __future__ import annotations

from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import select

from cw_pipeline.setup.mapping_csv import CHOOSE
from cw_pipeline.setup.suggest import normalized
from cw_pipeline.setup.wanted_mapping import WantedMapping, beside, used_organizations
from cw_pipeline.warehouse.mappings import by_company, company_mappings
from cw_pipeline.warehouse.names import name_and_id
from cw_pipeline.warehouse.tables import AgreementRow, CompanyRow, OrganizationRow

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy.orm import Session

    from cw_pipeline.setup.bill_from import SyncedMonths
    from cw_pipeline.setup.mapping_csv import Row


class FileChanges:
    """The changes that the rows of a mapping file ask for.

    Attributes:
        faults: What is wrong with rows, each with its row. The other attributes are complete only if there is nothing.
        to_store: The new and changed mappings, each with its row.
        to_remove: The mappings that are in no row although their company is, each with its company's first row.
        unchanged: How many rows say what is stored already.
        left_open: What rows lack that do nothing, a sentence each.
        mapped: The mappings that each company has now.
    """

    def __init__(self, session: Session, psa: str, rows: Sequence[Row], months: SyncedMonths) -> None:
        self._left_lines = partial(WantedMapping.about_left_lines, session=session, psa=psa, months=months)
        self._companies = {row.id: row for row in session.scalars(select(CompanyRow))}
        self._agreements = {row.id: row for row in session.scalars(select(AgreementRow))}
        self._organizations = {row.id: row for row in session.scalars(select(OrganizationRow))}
        self._mappings = {row.organization_id: row for row in company_mappings(session)}
        self._used = used_organizations(session)
        self.mapped = by_company(self._mappings.values())
        self.faults: list[str] = []
        self.to_store: list[tuple[Row, WantedMapping]] = []
        self.unchanged = 0
        self.left_open: list[str] = []
        self._rows_of: defaultdict[int, list[Row]] = defaultdict(list)
        for row in rows:
            self._rows_of[row.company_id].append(row)
            try:
                self._add(row, months)
            except ValueError as error:
                self.faults.append(f"row {row.number}: {error}")
        self.faults += self._contradictions(rows)
        named = {row.organization_id for row in rows}
        self.to_remove = [
            (self._rows_of[mapping.company_id][0], mapping)
            for mapping in self._mappings.values()
            if mapping.company_id in self._rows_of and mapping.organization_id not in named
        ]

    def _add(self, row: Row, months: SyncedMonths) -> None:
        is_mapped = row.company_id in self.mapped
        names_both = row.company_id in self._companies and row.organization_id in self._organizations
        if names_both and not is_mapped and row.agreement_id is None:
            self.left_open.append(
                f"Row {row.number}: {row.cells.company_name or row.company_id} was not mapped: choose its agreement_id."
            )
            return
        wanted = self._wanted(row)
        if wanted.changes_nothing if wanted else not is_mapped:
            self.unchanged += 1
            names = (row.cells.agreement_name, row.cells.organization_name)
            if row.is_bare and any(name and not name.startswith(CHOOSE) for name in names):
                self.left_open.append(
                    f"Row {row.number}: nothing was mapped. Only ids are read; this row has names but no ids."
                )
        elif wanted is not None:
            if refusal := wanted.refusal(months):
                raise ValueError(refusal)
            self.to_store.append((row, wanted))

    def _wanted(self, row: Row) -> WantedMapping | None:
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
        if row.agreement_id not in self._agreements:
            raise ValueError(f"there is no agreement {row.agreement_id}")
        if row.organization_id not in self._organizations:
            raise ValueError(f"there is no organization {row.organization_id}")
        return WantedMapping(
            company,
            self._agreements[row.agreement_id],
            self._organizations[row.organization_id],
            row.bill_from,
            current=self._mappings.get(row.organization_id),
            used=row.organization_id in self._used,
            trial_months=row.trial_months,
        )

    def _contradictions(self, rows: Sequence[Row]) -> Iterator[str]:
        """Faults of rows that do not go together, or with the companies that are not in the file."""
        holders: defaultdict[str, list[int]] = defaultdict(list)
        for row in rows:
            holders[row.organization_id or ""].append(row.company_id)
        for mapping in self._mappings.values():
            if mapping.company_id not in self._rows_of and mapping.company.gone_at is None:
                holders[mapping.organization_id].append(mapping.company_id)
        for row in rows:
            others = [number for number in holders[row.organization_id or ""] if number != row.company_id]
            if row.organization_id and others:
                other = self._companies.get(others[0])
                name = name_and_id(other) if other else str(others[0])
                yield f"row {row.number}: the organization {row.organization_id} is the company {name}'s"
            own = self._rows_of[row.company_id]
            same = next(one for one in own if one.organization_id == row.organization_id)
            if same is not row:
                which = f" with the organization {row.organization_id}" if row.organization_id else ""
                yield f"row {row.number}: the company {row.company_id}{which} is in row {same.number} already"
            elif row.is_bare and len(own) > 1:
                yield (
                    f"row {row.number}: the company {row.company_id} is in other rows, too: only one that stands alone "
                    "unmaps it"
                )

    def warnings(self) -> Iterator[str]:
        """What to know before the mappings are stored, a sentence each with its row."""
        for row, wanted in self.to_store:
            if (wanted.current is None or wanted.current.agreement_id != row.agreement_id) and _is_another(
                row.cells.company_name, wanted.company.name
            ):
                yield (
                    f"Row {row.number}: The file calls the company {row.company_id} {row.cells.company_name}, but it "
                    f"is {wanted.company.name}: the file's ids may be those of another ConnectWise."
                )
            about_lines = self._left_lines(wanted)
            sentences = (*wanted.terms_to_accept(), *filter(None, [about_lines]))
            yield from (f"Row {row.number}: {about}" for about in sentences)
        yield from self._beside_others()

    def _beside_others(self) -> Iterator[str]:
        """What to know about companies that get an organization beside others."""
        billed: defaultdict[int, list[OrganizationRow]] = defaultdict(list)
        for company_id, rows in self._rows_of.items():
            named = {row.organization_id for row in rows}
            own = self.mapped.get(company_id, ())
            billed[company_id] = [one.organization for one in own if one.organization_id in named]
        for row, wanted in self.to_store:
            others = billed[row.company_id]
            if wanted.organization in others:
                continue
            if others:
                yield f"Row {row.number}: {beside(wanted.company, others)}"
            others.append(wanted.organization)


def _is_another(in_the_file: str, name: str) -> bool:
    """Whether the file means another company; a name that a spreadsheet lost letters of says nothing."""
    return bool(in_the_file) and "\ufffd" not in in_the_file and normalized(in_the_file).words != normalized(name).words
