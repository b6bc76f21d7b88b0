"""The lines that people keep by hand on mapped agreements, and what is proposed for each."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from cw_pipeline.billing.by_hand import Act, bills, can_be_ended, last_day_by_hand
from cw_pipeline.billing.facts import Agreement, Line
from cw_pipeline.sync.reading import read
from cw_pipeline.sync.wanted_lines import ByHand
from cw_pipeline.vocabulary import counted
from cw_pipeline.warehouse import ledger
from cw_pipeline.warehouse.by_hand import choices
from cw_pipeline.warehouse.mappings import confirmed_products, mapping_facts
from cw_pipeline.warehouse.tables import (
    LineByHandRow,
    OrganizationRow,
    OrganizationUsageRow,
    ProductRow,
    UsageReportRow,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.orm import Session

    from cw_pipeline.billing.facts import CompanyMapping
    from cw_pipeline.sync.sync_run import SyncRun
    from cw_pipeline.vocabulary import Month, Plan


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
        line: It, as ConnectWise shows it.
        agreement: The agreement that it is on.
        product: Its product's identifier.
        organizations: The names of the organizations that are billed on the agreement.
        last_day: The last day that it may bill: the day before the first line of ours begins. None where none does:
            the agreement or the product is not mapped any more.
        proposal: What is proposed for it.
        choice: What a person chose for it, if that still holds: `end` or `leave`.
        restored_day: Where it was ended, the last day that it had before; None for none.
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
    """The lines that are kept by hand of a confirmed product, and bill the same days as ours or were chosen for.

    Only mapped agreements are looked at, and those of lines that were chosen for; one that cannot be read is left out.

    Raises:
        ConnectWiseError: If ConnectWise cannot be read.
    """
    with run.warehouse.transaction() as session:
        mappings: defaultdict[int, list[CompanyMapping]] = defaultdict(list)
        for mapping in mapping_facts(session).values():
            mappings[mapping.agreement_id].append(mapping)
        products = confirmed_products(session)
        known = ledger.known_lines(session, run.psa)
        chosen = choices(session, run.psa)
        plans = _plans(session)
        identifiers = dict(session.execute(select(ProductRow.id, ProductRow.identifier)).tuples().all())
    on_agreements = mappings.keys() | {row.agreement_id for row in chosen.values()}
    of_products = {*products.values(), *(row.product_id for row in chosen.values())}
    run.say(f"Reading {counted(len(on_agreements), 'agreement')} and their lines")
    reading = read(
        run,
        on_agreements,
        known,
        settled={number for number, one in known.items() if one.invoiced},
        by_hand=ByHand(on_agreements, of_products, since=date.min),
    )
    ours: defaultdict[tuple[int, int], list[Line]] = defaultdict(list)
    for line in reading.lines:
        ours[line.agreement_id, line.product_id].append(line)
    found: list[LineByHand] = []
    for line in sorted(reading.by_hand, key=lambda line: (line.agreement_id, line.addition_id)):
        agreement = reading.agreements[line.agreement_id]
        on_it = mappings.get(line.agreement_id, [])
        lines = ours[line.agreement_id, line.product_id]
        of_plan = [one for one in on_it if line.product_id in _products_of(one, plans, products)]
        billed = (of_plan or on_it) if line.product_id in products.values() else []
        days = [last_day_by_hand(mapping, agreement, lines, run.today()) for mapping in billed]
        last_day = min(days, default=None)
        row = chosen.get(line.addition_id)
        holds = row is not None and _still_holds(row, line)
        if not holds and not _bills_after(line, last_day):
            continue
        found.append(
            LineByHand(
                line=line,
                agreement=agreement,
                product=identifiers.get(line.product_id, str(line.product_id)),
                organizations=tuple(f"{one.organization_name} ({one.organization_id})" for one in on_it),
                last_day=last_day,
                proposal=_proposal(line, last_day) if of_plan else Proposal.LEAVE,
                choice=row.choice if row is not None and holds else None,
                restored_day=row.last_day_before if row is not None and holds else None,
                chosen_at=row.chosen_at if row is not None else None,
            )
        )
    return found


def _plans(session: Session) -> Mapping[str, Mapping[Plan, Month | None]]:
    """The plans of each organization: its present one, and those that it had, with the last month of that."""
    used = OrganizationUsageRow
    last_months = select(used.organization_id, used.plan, func.max(UsageReportRow.month))
    last_months = last_months.join(UsageReportRow, UsageReportRow.id == used.report_id)
    plans: defaultdict[str, dict[Plan, Month | None]] = defaultdict(dict)
    for number, plan, month in session.execute(last_months.group_by(used.organization_id, used.plan)).tuples():
        plans[number][plan] = month
    for number, plan in session.execute(select(OrganizationRow.id, OrganizationRow.plan)).tuples():
        plans[number][plan] = None
    return plans


def _products_of(
    mapping: CompanyMapping, plans: Mapping[str, Mapping[Plan, Month | None]], products: Mapping[Plan, int]
) -> set[int]:
    """The products as which an organization is billed: of its plan, and of those that it had since it is billed."""
    of_it = plans[mapping.organization_id].items()
    return {products[plan] for plan, last in of_it if plan in products and (last is None or last >= mapping.bill_from)}


def _bills_after(line: Line, last_day: date | None) -> bool:
    if last_day is None:
        return False
    return bills(line) and (line.cancelled_date is None or line.cancelled_date > last_day)


def _still_holds(row: LineByHandRow, line: Line) -> bool:
    """Whether a line is the one that was chosen for, and still has the last day that it was given."""
    is_it = (row.agreement_id, row.product_id) == (line.agreement_id, line.product_id)
    return is_it and (row.choice is Act.LEAVE or line.cancelled_date == row.last_day)


def _proposal(line: Line, last_day: date | None) -> Proposal:
    if last_day is None:
        return Proposal.LEAVE
    return Proposal.END if can_be_ended(line, last_day) else Proposal.IN_CONNECTWISE


def proposed(shown: Sequence[LineByHand], act: Act) -> list[int]:
    """The lines for which a person has to choose and `act` is proposed, by their ids."""
    return [one.line.addition_id for one in shown if one.is_undecided and one.proposal.value == act.value]
