"""Reconcile: what our invoiced lines carry, and what the invoices have of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING

from sqlalchemy import select

from cw_pipeline.reports.reconcile.compare import Labels, compare
from cw_pipeline.reports.reconcile.lines import Match, PushedLine, Reason
from cw_pipeline.reports.reconcile.read import Source, read_billed
from cw_pipeline.reports.worth import Money, added, prices
from cw_pipeline.vocabulary import Month, Plan, counted
from cw_pipeline.warehouse.ledger import accounted_lines
from cw_pipeline.warehouse.mappings import mapping_facts
from cw_pipeline.warehouse.names import Named
from cw_pipeline.warehouse.recaps import recaps_of
from cw_pipeline.warehouse.tables import AgreementRow, CompanyRow, OrganizationRow

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from sqlalchemy.orm import Session

    from cw_pipeline.billing.written_off import Recap
    from cw_pipeline.reports.worth import Prices
    from cw_pipeline.sync.sync_run import SyncRun


_USUAL_MONTHS = 12


@dataclass(frozen=True)
class OnInvoice:
    """An invoice that has a line."""

    number: str
    date: date | None
    seats: Decimal


@dataclass(frozen=True)
class ReconciledLine:
    """A line of ours beside its invoices.

    Attributes:
        month: The month in which the seats were used.
        company: None where the agreement is no longer imported.
        invoices: Those that have it, deleted and void ones too.
        seats: The seats that it carries by the ledger; None where that is not known.
        invoiced_seats: Those on invoices that stand.
        difference: The seats billed more, or less if it is negative.
        worth: What they are worth.
        reason: Why there is a difference; None if there is none, or if nothing is to be done about it.
        noted_invoice: The number that the invoice recap had since the line's period was invoiced.
    """

    month: Month
    company: Named | None
    agreement: Named
    organization: Named
    plan: Plan
    addition_id: int
    invoices: tuple[OnInvoice, ...]
    seats: Decimal | None
    invoiced_seats: Decimal
    difference: Decimal | None
    worth: Money
    reason: Reason | None
    noted_invoice: str | None


@dataclass(frozen=True)
class Reconciliation:
    """Our invoiced lines of some months beside the invoices.

    Attributes:
        source: Where the invoices were read; None where there was nothing to look for.
        by_quantity: Whether no invoice has our serial numbers or descriptions: lines are told apart by quantity.
        unreadable: What could not be read, a sentence each.
    """

    months: tuple[Month, ...]
    source: Source | None
    by_quantity: bool
    lines: tuple[ReconciledLine, ...]
    unreadable: tuple[str, ...]

    @property
    def differing(self) -> Sequence[ReconciledLine]:
        """The lines about which something is to be done."""
        return [line for line in self.lines if line.reason is not None]

    @property
    def reasons(self) -> Mapping[Reason, int]:
        """How many lines differ for each reason."""
        return Counter(line.reason for line in self.lines if line.reason is not None)

    @property
    def worth(self) -> Money:
        """What the seats are worth by which they differ, billed less and billed more alike."""
        return added({code: abs(one) for code, one in line.worth.items()} for line in self.differing)


def last_months(now: datetime) -> list[Month]:
    """The months that are compared where a person names none: the last twelve that are closed."""
    last = Month.last_closed(now)
    return list(last.plus(1 - _USUAL_MONTHS).until(last))


def reconcile(run: SyncRun, months: Collection[Month]) -> Reconciliation:
    """Compare our invoiced lines of these months with the lines of invoices. Only reads.

    A line is invoiced here once the ledger says so; a push or a look for drift finds that out.

    Raises:
        InvoicesNotReadable: If the API member's role may not read invoices.
        ConnectWiseError: If ConnectWise cannot be read.
    """
    with run.warehouse.transaction() as session:
        lines = list(_pushed_lines(session, run.psa))
    wanted = [line for line in lines if line.entry.identity.month in months]
    product_ids = {line.entry.product_id for line in wanted}
    asked = tuple(sorted(months))
    if not product_ids:
        return Reconciliation(asked, None, by_quantity=False, lines=(), unreadable=())
    labels = Labels(lines)
    run.say(f"Reading what invoices have of {counted(len(product_ids), 'product')}")
    billed = read_billed(run.connectwise, product_ids, labels, months)
    matches = compare(labels, billed.lines, months, by_quantity=billed.by_quantity)
    with run.warehouse.transaction() as session:
        found = sorted(_reconciled(session, matches), key=_place)
    return Reconciliation(asked, billed.source, billed.by_quantity, tuple(found), billed.unreadable)


def _pushed_lines(session: Session, psa: str) -> Iterator[PushedLine]:
    agreements = {one.id: one for one in session.scalars(select(AgreementRow))}
    recaps, mappings = recaps_of(session, psa), mapping_facts(session)
    for entry, accounted in accounted_lines(session, psa).values():
        agreement, mapping = agreements.get(accounted.agreement_id), mappings.get(entry.identity.organization_id)
        # What was found, and not written here, is not known to have been written for a trial month.
        is_trial = accounted.trial or (
            accounted.found and mapping is not None and mapping.is_trial(entry.identity.month)
        )
        written = replace(accounted, trial=is_trial)
        yield PushedLine(
            entry,
            written,
            company_id=agreement.company_id if agreement else 0,
            agreement_name=agreement.name if agreement else "",
            prorates=bool(agreement and agreement.prorates),
            noted_invoice=noted_invoice(recaps.get(written.agreement_id, ()), written.effective_date),
        )


def noted_invoice(recaps: Sequence[Recap], first_day: date) -> str | None:
    """The last invoice that an agreement's recaps, oldest first, had once the period of `first_day` was invoiced.

    None where none was seen that was not there before.
    """
    for before, after in pairwise(recaps):
        if before.next_invoice_date is None or after.next_invoice_date is None:
            continue
        if before.next_invoice_date <= first_day < after.next_invoice_date:
            return None if after.last_invoice_number == before.last_invoice_number else after.last_invoice_number
    return None


def _reconciled(session: Session, matches: Iterator[Match]) -> Iterator[ReconciledLine]:
    agreements = {one.id: one for one in session.scalars(select(AgreementRow))}
    companies = dict(session.execute(select(CompanyRow.id, CompanyRow.name)).tuples().all())
    organizations = dict(session.execute(select(OrganizationRow.id, OrganizationRow.name)).tuples().all())
    seat_prices = prices(session)
    for match in matches:
        identity, number = match.line.entry.identity, match.line.written.agreement_id
        agreement = agreements.get(number)
        company_id = agreement.company_id if agreement else None
        yield ReconciledLine(
            month=identity.month,
            company=None if company_id is None else Named(company_id, companies.get(company_id, str(company_id))),
            agreement=Named(number, agreement.name if agreement else str(number)),
            organization=Named(identity.organization_id, organizations.get(identity.organization_id, "")),
            plan=identity.plan,
            addition_id=match.line.number,
            invoices=tuple(OnInvoice(one.number, one.date, one.quantity) for one in match.billed),
            seats=match.line.seats,
            invoiced_seats=match.seats,
            difference=match.difference,
            worth=_worth(match, seat_prices),
            reason=match.reason,
            noted_invoice=match.line.noted_invoice,
        )


def _worth(match: Match, seat_prices: Prices) -> Money:
    identity = match.line.entry.identity
    return seat_prices.worth(identity.organization_id, identity.plan, match.difference) if match.difference else {}


def _place(line: ReconciledLine) -> tuple[object, ...]:
    return (line.reason is None, line.month, line.company.name.casefold() if line.company else "", line.addition_id)
