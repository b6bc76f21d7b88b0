"""The lines that people keep by hand on mapped agreements, and what is proposed for each."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import select

from cw_pipeline.billing.by_hand import Act, bills, can_be_ended, last_day_by_hand
from cw_pipeline.billing.facts import Agreement, Line
from cw_pipeline.sync.line_reader import ByHand, LineReader
from cw_pipeline.sync.read_agreements import read
from cw_pipeline.vocabulary import counted
from cw_pipeline.warehouse import ledger
from cw_pipeline.warehouse.by_hand import choices
from cw_pipeline.warehouse.mappings import confirmed_products, mapping_facts
from cw_pipeline.warehouse.tables import (
    CompanyMappingRow,
    LineByHandRow,
    OrganizationRow,
    OrganizationUsageRow,
    ProductRow,
    UsageReportRow,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy.orm import Session

    from cw_pipeline.billing.facts import CompanyMapping
    from cw_pipeline.sync.sync_run import SyncRun
    from cw_pipeline.vocabulary import Plan


class Proposal(StrEnum):
    """What is proposed for a line."""

    END = "end"
    """It may bill the same seats until the first line of ours begins."""
    LEAVE = "leave"
    """No organization of the agreement has its plan."""
    IN_CONNECTWISE = "in ConnectWise"
    """It begins no sooner than ours, so that it has no day to end on: a person sets it to 0 there."""


@dataclass(frozen=True)
class LineByHand:
    """A line that is kept by hand.

    Attributes:
        line: The line as ConnectWise shows it.
        product: Its product's identifier.
        organizations: The names of the organizations that are billed on its agreement.
        last_day: The last day that it may bill: the day before the first line of ours begins. None if none does,
            because the agreement or the product is not mapped any more.
        choice: What a person chose for it, if that still holds: `end` or `leave`.
        restored_day: If it was ended, the last day that it had before; None for none.
        chosen_at: When a person last chose for it, whether or not that still holds.
    """

    line: Line
    agreement: Agreement
    product: str
    organizations: tuple[str, ...]
    last_day: date | None
    proposal: Proposal
    choice: Act | None
    restored_day: date | None
    chosen_at: datetime | None

    @property
    def is_undecided(self) -> bool:
        """Whether a person has to choose: nothing is chosen, or ours begin earlier now than when it was ended."""
        return self.choice is None or (self.choice is Act.END and _bills_after(self.line, self.last_day))


def lines_by_hand(run: SyncRun) -> list[LineByHand]:
    """The lines of a confirmed product that are kept by hand, and bill the same days as ours or were chosen for.

    Reads the mapped agreements, and those of lines that were chosen for; lines that cannot be read are left out.

    Raises:
        ConnectWiseError: If ConnectWise cannot be read.
    """
    with run.warehouse.transaction() as session:
        mappings: defaultdict[int, list[CompanyMapping]] = defaultdict(list)
        for mapping in mapping_facts(session).values():
            mappings[mapping.agreement_id].append(mapping)
        products = confirmed_products(session)
        billed_as = _billed_products(session, products)
        known = ledger.known_lines(session, run.psa)
        chosen = choices(session, run.psa)
        identifiers = dict(session.execute(select(ProductRow.id, ProductRow.identifier)).tuples().all())
    agreement_ids = mappings.keys() | {row.agreement_id for row in chosen.values()}
    product_ids = {*products.values(), *(row.product_id for row in chosen.values())}
    run.say(f"Reading {counted(len(agreement_ids), 'agreement')} and their lines")
    lines = LineReader(
        run,
        known,
        settled={addition_id for addition_id, line in known.items() if line.invoiced},
        by_hand=ByHand(agreement_ids, product_ids, since=date.min),
    )
    reading = read(lines, agreement_ids)
    ours: defaultdict[tuple[int, int], list[Line]] = defaultdict(list)
    for line in reading.lines:
        ours[_place(line)].append(line)
    found: list[LineByHand] = []
    for line in sorted(reading.by_hand, key=lambda line: (line.agreement_id, line.addition_id)):
        agreement, on_agreement = reading.agreements[line.agreement_id], mappings.get(line.agreement_id, [])
        with_product = [mapping for mapping in on_agreement if (mapping.organization_id, line.product_id) in billed_as]
        billed = (with_product or on_agreement) if line.product_id in products.values() else []
        days = [last_day_by_hand(mapping, agreement, ours[_place(line)], run.today()) for mapping in billed]
        last_day = min(days, default=None)
        row = chosen.get(line.addition_id)
        current = row if row is not None and _still_holds(row, line) else None
        if current is None and not _bills_after(line, last_day):
            continue
        found.append(
            LineByHand(
                line=line,
                agreement=agreement,
                product=identifiers.get(line.product_id, str(line.product_id)),
                organizations=tuple(f"{one.organization_name} ({one.organization_id})" for one in on_agreement),
                last_day=last_day,
                proposal=_proposal(line, last_day) if with_product else Proposal.LEAVE,
                choice=current and current.choice,
                restored_day=current and current.last_day_before,
                chosen_at=row and row.chosen_at,
            )
        )
    return found


def _billed_products(session: Session, products: Mapping[Plan, int]) -> set[tuple[str, int]]:
    """Each organization with the products of its plan, and of the plans that it had since its `bill_from`."""
    had = (
        select(OrganizationUsageRow.organization_id, OrganizationUsageRow.plan)
        .join(UsageReportRow, UsageReportRow.id == OrganizationUsageRow.report_id)
        .join(CompanyMappingRow, CompanyMappingRow.organization_id == OrganizationUsageRow.organization_id)
        .where(UsageReportRow.month >= CompanyMappingRow.bill_from)
    )
    plans = session.execute(had.union(select(OrganizationRow.id, OrganizationRow.plan)))
    return {(organization_id, products[plan]) for organization_id, plan in plans if plan in products}


def _place(line: Line) -> tuple[int, int]:
    return line.agreement_id, line.product_id


def _bills_after(line: Line, last_day: date | None) -> bool:
    if last_day is None:
        return False
    return bills(line) and (line.cancelled_date is None or line.cancelled_date > last_day)


def _still_holds(row: LineByHandRow, line: Line) -> bool:
    """Whether this is the line that was chosen for, and it still has the last day that it was given."""
    is_same = (row.agreement_id, row.product_id) == _place(line)
    return is_same and (row.choice is Act.LEAVE or line.cancelled_date == row.last_day)


def _proposal(line: Line, last_day: date | None) -> Proposal:
    if last_day is None:
        return Proposal.LEAVE
    return Proposal.END if can_be_ended(line, last_day) else Proposal.IN_CONNECTWISE


def proposed(lines: Iterable[LineByHand], act: Act) -> list[int]:
    """The ids of the lines for which a person has to choose and `act` is proposed."""
    return [one.line.addition_id for one in lines if one.is_undecided and one.proposal.value == act.value]
