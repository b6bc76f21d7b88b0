"""Whether a line was invoiced: what the ledger remembers, and what the agreement's next invoice date says now.

A line is invoiced once its agreement's `nextInvoiceDate` was seen to be later than its `effectiveDate`. The ledger
remembers that, so that nothing is billed again if the date is cleared or moved back later.
"""

from __future__ import annotations

from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING

from cw_pipeline.billing.facts import BILLABLE

if TYPE_CHECKING:
    from datetime import date

    from cw_pipeline.billing.facts import Agreement, Facts, Line, Written
    from cw_pipeline.vocabulary import Month

NOTHING = frozenset({Decimal(0)})


class State(Enum):
    """What is known of a line's invoice."""

    OPEN = "open"
    """Not invoiced yet: its quantity may be set."""
    INVOICED = "invoiced"
    UNCLEAR = "unclear"
    """The ledger says invoiced and the date says open, or there is no date and the line has begun. A line that was set
    to 0 counts as invoiced instead, since it billed nothing either way."""
    COPY = "copy"
    """Found beside the line that it copies, and invoiced by its date, but perhaps before it was made."""


def state_of(line: Line, facts: Facts, month: Month) -> State:
    """What is known of the invoice of `line`, which is for usage of `month`.

    A line without an `effectiveDate` (a person may have cleared it) is taken to begin with its usage month. Once a
    person accepted what it billed, it stays invoiced.
    """
    agreement, written = facts.agreements[line.agreement_id], facts.ledger.get(line.addition_id)
    if written is not None and written.accepted:
        return State.INVOICED
    if was_seen_invoiced(line, written, agreement, month):
        return State.COPY if is_copy(line, facts) else State.INVOICED
    dateless = agreement.next_invoice_date is None and min(_first_days(line, written, month)) <= facts.today
    if not dateless and not (written and written.invoiced):
        return State.OPEN
    billed_nothing = line.quantity == 0 and written is not None and written.quantities == NOTHING
    return State.INVOICED if billed_nothing else State.UNCLEAR


def was_seen_invoiced(line: Line, written: Written | None, agreement: Agreement, month: Month) -> bool:
    """Whether the agreement's next invoice is later than the line's first day, as shown or as we wrote it."""
    return any(is_invoiced_on(day, agreement) for day in _first_days(line, written, month))


def is_copy(line: Line, facts: Facts) -> bool:
    """Whether a line that was found is a copy of another one of the same organization, month and plan.

    It is if the ledger knew another one before, even one that is gone and was not invoiced. But what a rebuild found
    may have been written after the backup, and lines that were found together have no known order: of these, a copy is
    one with the same days as a line with seats that was known before, or has a lower id.
    """
    written = facts.ledger.get(line.addition_id)
    if written is None or not written.found:
        return False
    for number, known in facts.accounted(line.serial_number):
        agreement = facts.agreements.get(known.agreement_id)
        known_before = number != line.addition_id and known.known_since < written.known_since
        if known_before and not written.rebuilt and not may_have_been_invoiced(known, agreement, facts.today):
            return True
    for other in facts.lines[line.serial_number]:
        known = facts.ledger.get(other.addition_id)
        if known is None or other.addition_id == line.addition_id:
            continue
        known_before = known.known_since < written.known_since
        same_days = (other.effective_date, other.cancelled_date) == (line.effective_date, line.cancelled_date)
        if known_before and not written.rebuilt:
            return True
        if same_days and other.quantity != 0 and (known_before or other.addition_id < line.addition_id):
            return True
    return False


def needs_warning(line: Line, facts: Facts) -> bool:
    """Whether something is wrong with a line although its quantity is right.

    It lacks our serial number, invoices leave seats of it out, or it was not seen to be invoiced and its agreement has
    no next invoice date.
    """
    agreement, written = facts.agreements[line.agreement_id], facts.ledger.get(line.addition_id)
    lost = line.shown_serial_number not in (None, line.serial_number)
    undated = agreement.next_invoice_date is None and not (written and written.invoiced)
    return line.quantity != 0 and (lost or undated or is_short(line, facts))


def is_accepted(line: Line, facts: Facts) -> bool:
    """Whether a person accepted what the line billed."""
    written = facts.ledger.get(line.addition_id)
    return written is not None and written.accepted


def is_short(line: Line, facts: Facts) -> bool:
    """Whether invoices leave out seats of a line that no person accepted and that is not for a trial month."""
    leaves_out = line.less_included != 0 or line.bill_customer != BILLABLE
    return line.quantity != 0 and leaves_out and not is_accepted(line, facts) and not bills_nobody(line, facts)


def bills_nobody(line: Line, facts: Facts) -> bool:
    """Whether no invoice bills a line because it is for a trial month."""
    return line.bill_customer != BILLABLE and facts.is_trial(line)


def is_invoiced_on(day: date, agreement: Agreement) -> bool:
    """Whether `day` lies in a period that ConnectWise has invoiced."""
    return agreement.next_invoice_date is not None and agreement.next_invoice_date > day


def may_have_been_invoiced(written: Written, agreement: Agreement | None, today: date) -> bool:
    """Whether a line that is gone may have been invoiced; it may if its agreement has no next invoice date."""
    if written.invoiced or agreement is None or is_invoiced_on(written.effective_date, agreement):
        return True
    return agreement.never_invoiced or (agreement.next_invoice_date is None and written.effective_date <= today)


def _first_days(line: Line, written: Written | None, month: Month) -> set[date]:
    return {line.effective_date or month.first_day} | ({written.effective_date} if written else set())
