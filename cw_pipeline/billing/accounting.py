"""What the ledger's entries add up to: how much each addition carries, and what is known of its invoice.

This module decides which kinds of entry count, and for what; `warehouse` stores and selects them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

from cw_pipeline.billing.facts import Written
from cw_pipeline.billing.identity import Identity

if TYPE_CHECKING:
    from collections.abc import Iterable


class EntryKind(StrEnum):
    """What a ledger entry says of a write."""

    INTENT = "intent"
    """About to be sent."""
    CONFIRMED = "confirmed"
    """ConnectWise shows the intended quantity."""
    REFUSED = "refused"
    """ConnectWise refused; nothing was written."""
    NOT_DONE = "not_done"
    """Nothing was written: it was never sent, or reading back showed so."""
    UNCONFIRMED = "unconfirmed"
    """Not known yet; the intent stays open until a later push settles it."""
    DOUBTFUL = "doubtful"
    """It was written while ConnectWise invoiced its period: it is unknown which quantity was billed."""
    FOUND = "found"
    """A line of ours that ConnectWise shows and that this ledger did not know."""
    REBUILT = "rebuilt"
    """The same, found by a rebuild: it may have been written before the warehouse was lost or restored."""
    INVOICED = "invoiced"
    """The agreement's next invoice date was seen to be later than the line's first day."""
    ACCEPTED = "accepted"
    """A person accepted that an invoiced line billed what it shows."""
    CREDITED = "credited"
    """A person issued a credit for an invoiced line."""
    GIVEN_UP = "given_up"
    """A person confirmed that a line's id is another line's now and that ours billed nothing: it is forgotten."""


SEEN = frozenset({EntryKind.FOUND, EntryKind.REBUILT})
MANUAL_KINDS = frozenset({EntryKind.ACCEPTED, EntryKind.CREDITED, EntryKind.GIVEN_UP})
"""What a person entered about an invoiced line."""
SETTLED = frozenset({EntryKind.CONFIRMED, EntryKind.REFUSED, EntryKind.NOT_DONE})
"""What ends an intent."""
SEEN_INVOICED = frozenset({EntryKind.INVOICED, EntryKind.DOUBTFUL, *MANUAL_KINDS})
ACCOUNTING = frozenset({EntryKind.CONFIRMED, *SEEN, *SEEN_INVOICED}) - {EntryKind.GIVEN_UP}
"""What says how much an addition carries, or what is known of its invoice."""


@dataclass(frozen=True)
class Entry:
    """What a ledger entry says of an addition.

    Attributes:
        at: When it was entered; what was seen together has the same moment.
        serial_number: The one that the addition was written or found with.
        quantity: The quantity that it was given, is shown with, or billed.
        credited: How much of that was credited.
        cancelled_date: Its last day; None if it has none, or if only its quantity was set.
        trial: Whether it was created for a trial month, so that it bills nobody.
    """

    kind: EntryKind
    at: datetime
    identity: Identity
    serial_number: str
    addition_id: int
    agreement_id: int
    product_id: int
    quantity: Decimal
    credited: Decimal
    effective_date: date
    cancelled_date: date | None
    trial: bool = False


def account(entries: Iterable[Entry], intended: Iterable[tuple[int, Decimal]]) -> dict[int, Written]:
    """What is accounted for on each addition, by its id.

    A line carries 0 once a newer one was created for its period: that happens only if ConnectWise no longer showed the
    line while its period was still open, so it was never invoiced.

    Args:
        entries: Entries of the `ACCOUNTING` kinds, oldest first.
        intended: The additions with an open write, each with the quantity that it was to get.
    """
    written: dict[int, Written] = {}
    created_for: dict[tuple[str, int, date], int] = {}
    for entry in entries:
        number = entry.addition_id
        if number not in written and entry.cancelled_date is not None and entry.kind not in SEEN:
            period = (entry.serial_number, entry.agreement_id, entry.effective_date)
            replaced = created_for.get(period)
            if replaced is not None and written[replaced].quantities and not written[replaced].invoiced:
                written[replaced] = replace(written[replaced], quantities=frozenset({Decimal(0)}))
            created_for[period] = number
        written[number] = _after(entry, written.get(number))
    for number, quantity in intended:
        if number in written:
            written[number] = replace(written[number], quantities=written[number].quantities | {quantity})
    return written


def _after(entry: Entry, written: Written | None) -> Written:
    """What is accounted for on a line after `entry`; `written` is what was accounted for before."""
    if written is None:
        written = Written(
            agreement_id=entry.agreement_id,
            serial_number=entry.serial_number,
            quantities=_quantities(entry),
            effective_date=entry.effective_date,
            cancelled_date=entry.cancelled_date,
            credited=entry.credited,
            found=entry.kind in SEEN,
            rebuilt=entry.kind is EntryKind.REBUILT,
            known_since=entry.at,
            trial=entry.trial,
        )
    if entry.kind is EntryKind.INVOICED:
        return replace(written, invoiced=True)
    dated = entry if entry.kind is EntryKind.ACCEPTED else written
    return replace(
        written,
        agreement_id=entry.agreement_id,
        serial_number=entry.serial_number,
        quantities=_quantities(entry),
        effective_date=dated.effective_date,
        cancelled_date=dated.cancelled_date,
        credited=entry.credited,
        invoiced=written.invoiced or entry.kind in SEEN_INVOICED,
        accepted=written.accepted or entry.kind in MANUAL_KINDS,
    )


def _quantities(entry: Entry) -> frozenset[Decimal]:
    """The quantity that a line should have after `entry`; none if that is unknown."""
    return frozenset() if entry.kind is EntryKind.DOUBTFUL else frozenset({entry.quantity})
