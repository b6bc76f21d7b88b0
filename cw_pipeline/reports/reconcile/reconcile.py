"""Reconcile: compare what our invoiced lines carry with what the invoices bill."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING

from sqlalchemy import select

from cw_pipeline.reports.listings import imported_names
from cw_pipeline.reports.reconcile.compare import LineIndex, compare
from cw_pipeline.reports.reconcile.lines import Reason, ReconciledLine
from cw_pipeline.reports.reconcile.read import Source, read_billed
from cw_pipeline.reports.worth import Money, added, prices
from cw_pipeline.vocabulary import Month, counted
from cw_pipeline.warehouse.ledger import accounted_lines
from cw_pipeline.warehouse.mappings import mapping_facts
from cw_pipeline.warehouse.names import Named
from cw_pipeline.warehouse.recaps import recaps_of
from cw_pipeline.warehouse.tables import AgreementRow, OrganizationRow

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from datetime import date, datetime

    from sqlalchemy.orm import Session

    from cw_pipeline.billing.written_off import Recap
    from cw_pipeline.sync.sync_run import SyncRun

_DEFAULT_MONTHS = 12


@dataclass(frozen=True)
class Reconciliation:
    """Our invoiced lines of some months, compared with the invoices.

    Attributes:
        source: Where the invoices were read; None if there was nothing to look for.
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
        """The lines about which something has to be done."""
        return [line for line in self.lines if line.reason is not None]

    @property
    def reasons(self) -> Mapping[Reason, int]:
        """How many lines differ for each reason."""
        return Counter(line.reason for line in self.lines if line.reason is not None)

    @property
    def worth(self) -> Money:
        """What all differences are worth, too few and too many seats alike."""
        return added({currency: abs(amount) for currency, amount in line.worth.items()} for line in self.differing)


def last_months(now: datetime) -> list[Month]:
    """The months that are compared by default: the last twelve closed ones."""
    last = Month.last_closed(now)
    return list(last.plus(1 - _DEFAULT_MONTHS).until(last))


def reconcile(run: SyncRun, months: Collection[Month]) -> Reconciliation:
    """Compare our invoiced lines of these months with the lines of invoices. Only reads.

    A line counts as invoiced once the ledger says so; a push or a search for drift finds that out.

    Raises:
        InvoicesNotReadable: If the API member's role may not read invoices.
        ConnectWiseError: If ConnectWise cannot be read.
    """
    with run.warehouse.transaction() as session:
        index = LineIndex(_lines(session, run.psa))
    months = tuple(sorted(months))
    product_ids = {line.entry.product_id for line in index.lines.values() if line.month in months}
    if not product_ids:
        return Reconciliation(months, None, by_quantity=False, lines=(), unreadable=())
    run.say(f"Reading what invoices have of {counted(len(product_ids), 'product')}")
    billed = read_billed(run.connectwise, product_ids, index, months)
    lines = sorted(compare(index, billed.lines, months, by_quantity=billed.by_quantity), key=_place)
    return Reconciliation(months, billed.source, billed.by_quantity, tuple(lines), billed.unreadable)


def _lines(session: Session, psa: str) -> Iterator[ReconciledLine]:
    agreements = {agreement.id: agreement for agreement in session.scalars(select(AgreementRow))}
    organizations = dict(session.execute(select(OrganizationRow.id, OrganizationRow.name)).tuples().all())
    recaps, mappings = recaps_of(session, psa), mapping_facts(session)
    names, seat_prices = imported_names(session), prices(session)
    for entry, written in accounted_lines(session, psa).values():
        identity, agreement_id = entry.identity, written.agreement_id
        agreement, mapping = agreements.get(agreement_id), mappings.get(identity.organization_id)
        # The ledger does not know of a line that was only found whether it was written for a trial month.
        found_in_trial_month = written.found and mapping is not None and mapping.is_trial(identity.month)
        yield ReconciledLine(
            entry,
            replace(written, trial=written.trial or found_in_trial_month),
            company=names.company(agreement and agreement.company_id),
            agreement=Named(agreement_id, agreement.name if agreement else str(agreement_id)),
            organization=Named(identity.organization_id, organizations.get(identity.organization_id, "")),
            prorates=bool(agreement and agreement.prorates),
            seat_price=seat_prices.worth(identity.organization_id, identity.plan, Decimal(1)),
            noted_invoice=noted_invoice(recaps.get(agreement_id, ()), written.effective_date),
        )


def noted_invoice(recaps: Sequence[Recap], first_day: date) -> str | None:
    """The last invoice of an agreement once the period of `first_day` was invoiced, by its recaps, oldest first.

    None if there was none, or if it is the one from before.
    """
    for before, after in pairwise(recaps):
        if before.next_invoice_date is None or after.next_invoice_date is None:
            continue
        if before.next_invoice_date <= first_day < after.next_invoice_date:
            return None if after.last_invoice_number == before.last_invoice_number else after.last_invoice_number
    return None


def _place(line: ReconciledLine) -> tuple[object, ...]:
    return (line.reason is None, line.month, line.company.name.casefold() if line.company else "", line.addition_id)
