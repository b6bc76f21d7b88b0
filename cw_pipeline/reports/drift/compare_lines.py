"""Compare our lines with what the ledger knows of them, one line at a time, already read."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from cw_pipeline.billing.accounting import Entry, EntryKind
from cw_pipeline.billing.facts import BILLABLE, CompanyMapping, Written
from cw_pipeline.billing.holds import is_edited, is_replaced, write_hold
from cw_pipeline.billing.invoiced import NOTHING, State, is_copy, is_short, may_have_been_invoiced, state_of
from cw_pipeline.billing.writes import SetQuantity
from cw_pipeline.billing.written_off import days_without_invoice
from cw_pipeline.reports.drift.findings import Finding, Kind
from cw_pipeline.wording import hold_reasons, line_warnings
from cw_pipeline.wording.by_hand import days
from cw_pipeline.wording.outcomes import in_a_sentence

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from cw_pipeline.billing.facts import Facts, Line
    from cw_pipeline.billing.identity import Identity
    from cw_pipeline.billing.window import Window


@dataclass(frozen=True)
class KnownLine:
    """A line that the ledger knows.

    Attributes:
        mapping: Its organization's.
        entry: The last ledger entry that says what it carries.
        written: What the ledger accounts for.
    """

    mapping: CompanyMapping
    entry: Entry
    written: Written

    @property
    def identity(self) -> Identity:
        """The organization, month and plan whose seats it carries."""
        return self.entry.identity

    @property
    def quantity(self) -> str:
        """The quantity that it was set to, in words."""
        return f"quantity {' or '.join(map(str, sorted(self.written.quantities))) or 'unknown'}"

    @property
    def sync(self) -> str:
        """The command that syncs its month."""
        return f"`cw-pipeline sync --month {self.identity.month}`"

    def finding(self, kind: Kind, expected: str, found: str, what_to_do: str) -> Finding:
        """A finding about the line."""
        whose = (self.mapping.organization_id, self.mapping.organization_name)
        where = (self.written.agreement_id, self.entry.addition_id)
        return Finding(kind, self.identity.month, *whose, *where, expected, found, what_to_do)


def drifted_line(
    known: KnownLine, line: Line | None, facts: Facts, written_off: Mapping[int, Sequence[Window]], *, is_new: bool
) -> Iterator[Finding]:
    """How a line differs from what the ledger knows of it.

    Args:
        known: What the ledger knows.
        line: What ConnectWise shows; None if it shows no such line.
        facts: The other lines and agreements, and what the ledger knows.
        written_off: The periods of each agreement that were perhaps written off.
        is_new: Whether it was found now, and only then entered in the ledger.
    """
    if line is None:
        yield from _gone(known, facts)
        return
    if line.quantity == 0 and known.written.quantities == NOTHING:
        return
    state = state_of(line, facts, known.identity.month)
    if is_copy(line, facts) and state is not State.INVOICED:
        yield _copied(known, line, state, facts)
        return
    if is_new and line.quantity != 0:
        yield known.finding(Kind.DUPLICATED, "no such line", _carries(line), line_warnings.WRITTEN_ELSEWHERE)
    if state is State.OPEN and line.quantity == 0 and line.agreement_id != known.mapping.agreement_id:
        return  # as the next sync would have it
    yield from _edited(known, line, state, facts)
    yield from _unbilled(known, line, state, facts, written_off)


def found_line(identity: Identity, line: Line) -> Finding:
    """A line with seats that was found now, of an organization that is not billed for its month."""
    where, found = (line.agreement_id, line.addition_id), _carries(line)
    return Finding(Kind.DUPLICATED, None, None, None, *where, "no such line", found, line_warnings.of_nobody(identity))


def _carries(line: Line) -> str:
    return f"quantity {line.quantity} with the serial number {line.serial_number}"


def _gone(known: KnownLine, facts: Facts) -> Iterator[Finding]:
    """A line that is not shown, unless it carried nothing, or seats that a line found later carries."""
    addition_id, written = known.entry.addition_id, known.written
    if is_replaced(addition_id, written, facts):
        what_to_do = hold_reasons.accept_what_is_replaced(known.identity)
        expected, stranger = f"{known.quantity} with {written.serial_number}", facts.strangers[addition_id]
        yield known.finding(Kind.REPLACED, expected, hold_reasons.in_full(stranger), what_to_do)
        return
    if written.quantities == NOTHING:
        return
    if may_have_been_invoiced(written, facts.agreements.get(written.agreement_id), facts.today):
        what_to_do = hold_reasons.accept_what_is_gone(known.identity)
    elif written.found and any(line.quantity for line in facts.lines_of(known.identity)):
        return
    else:
        what_to_do = f"{known.sync} makes a new one."
    yield known.finding(Kind.DELETED, known.quantity, "no such line", what_to_do)


def _copied(known: KnownLine, line: Line, state: State, facts: Facts) -> Finding:
    originals = [str(one.addition_id) for one in facts.lines_of(known.identity) if one.addition_id != line.addition_id]
    what_to_do = (
        f"It was copied with its agreement, or another warehouse wrote it. {known.sync} sets it to 0."
        if state is State.OPEN
        else hold_reasons.unclear(known.identity, facts, [line], [])
    )
    return known.finding(Kind.DUPLICATED, f"only line {' or '.join(originals)}", _carries(line), what_to_do)


def _edited(known: KnownLine, line: Line, state: State, facts: Facts) -> Iterator[Finding]:
    """What was changed of a line; while it is open, a sync corrects its quantity and product."""
    written = known.written
    if edits := list(_edits(known, line, state, facts)):
        expected, found, what_to_do = zip(*edits, strict=True)
        yield known.finding(Kind.EDITED, ", ".join(expected), ", ".join(found), " ".join(what_to_do))
    # Whoever accepted a line without a first day also accepted the first day of its month.
    absent = known.identity.month.first_day if known.entry.kind == EntryKind.ACCEPTED else None
    expected_days = (written.effective_date, written.cancelled_date)
    found_days = (line.effective_date or absent, line.cancelled_date)
    if written.cancelled_date is not None and found_days != expected_days:
        may_have_billed = state is not State.OPEN and is_edited(line, facts)
        advice = hold_reasons.accept_what_was_billed(known.identity) if may_have_billed else "Set its days back."
        yield known.finding(Kind.CANCELLED, days(*expected_days), days(*found_days), advice)


def _edits(known: KnownLine, line: Line, state: State, facts: Facts) -> Iterator[tuple[str, str, str]]:
    """Each edit: what was written, what ConnectWise shows, and what to do."""
    is_open = state is State.OPEN
    or_sync = f", or run {known.sync}" if is_open else ""
    if known.written.quantities and line.quantity not in known.written.quantities:
        set_back = f"Set its quantity back{or_sync}."
        what_to_do = set_back if is_open else hold_reasons.accept_what_was_billed(known.identity)
        yield known.quantity, f"quantity {line.quantity}", what_to_do
    if line.product_id != known.entry.product_id:
        yield f"product {known.entry.product_id}", f"product {line.product_id}", f"Set its product back{or_sync}."
    if line.shown_serial_number != line.serial_number:
        yield line.serial_number, line.shown_serial_number or "no serial number", "Set its serial number back."
    if is_short(line, facts):
        what_to_do = line_warnings.left_out(known.identity, line, facts)
        if line.bill_customer != BILLABLE:
            yield BILLABLE, line.bill_customer, what_to_do
        else:
            yield "0 included", f"{line.less_included} included", what_to_do


def _unbilled(
    known: KnownLine, line: Line, state: State, facts: Facts, written_off: Mapping[int, Sequence[Window]]
) -> Iterator[Finding]:
    """Why the seats of a line may not be billed although nobody edited it."""
    if line.quantity == 0:
        return
    agreement, identity = facts.agreements[line.agreement_id], known.identity
    is_mapped = line.agreement_id == known.mapping.agreement_id
    if state is State.UNCLEAR and not (agreement.never_invoiced and is_mapped):  # else the agreement has a finding
        found = f"next invoice on {agreement.next_invoice_date or 'no day'}"
        what_to_do = hold_reasons.unclear(identity, facts, [], [line])
        yield known.finding(Kind.INVOICE_UNCLEAR, f"invoiced from {line.effective_date} on", found, what_to_do)
    if state is State.INVOICED and (window := days_without_invoice(line, facts, written_off)):
        expected = f"an invoice for {days(window.first, window.last)}"
        found = "the next invoice moved on, and the last one stayed the same"
        what_to_do = line_warnings.perhaps_written_off(identity, line.addition_id)
        yield known.finding(Kind.PERHAPS_WRITTEN_OFF, expected, found, what_to_do)
    if state is State.OPEN and not is_mapped:
        write = SetQuantity.of(line, identity, Decimal(0))
        if hold := write_hold(write, known.mapping, facts):
            what_to_do = hold_reasons.write_held(hold, write, agreement, known.mapping)
            yield known.finding(Kind.AGREEMENT_NOT_BILLABLE, "an active agreement", in_a_sentence(hold), what_to_do)
