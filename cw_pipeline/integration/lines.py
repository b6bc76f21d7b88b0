"""Deciding about single lines: a person's word about what invoiced lines billed, and what of it was credited."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from sqlalchemy import select

from cw_pipeline.billing.credits import Credit, credits_due
from cw_pipeline.billing.facts import Facts, Line
from cw_pipeline.billing.holds import is_edited, vanished_after_invoicing
from cw_pipeline.billing.identity import Identity, Plan
from cw_pipeline.billing.window import is_invoiced
from cw_pipeline.integration.audit import Deed, record
from cw_pipeline.integration.errors import NothingToAccept, listed
from cw_pipeline.integration.mapping import the_one
from cw_pipeline.sync.previews import preview_now
from cw_pipeline.sync.push import LOCK_WAIT_SECONDS
from cw_pipeline.warehouse import ledger
from cw_pipeline.warehouse.lock import push_lock
from cw_pipeline.warehouse.tables import EntryKind, Organization

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cw_pipeline.billing.facts import Written
    from cw_pipeline.billing.months import Month
    from cw_pipeline.sync.run import SyncRun


@dataclass(frozen=True)
class Accepted:
    """One invoiced line about which a person's word was recorded; of 0 if ConnectWise no longer shows it."""

    identity: Identity
    line: Line
    before: frozenset[Decimal]
    """What it counted for before; empty where nobody knew."""
    counts: Decimal
    """What it counts for now."""


def seats_of(text: str) -> Decimal:
    """A number of seats as a person writes it.

    Raises:
        NothingToAccept: If it is none.
    """
    try:
        seats = Decimal(text)
    except InvalidOperation:
        seats = Decimal("NaN")
    if not seats.is_finite() or seats <= 0:
        msg = f"{text!r} is not a number of seats. Write it as 3."
        raise NothingToAccept(msg)
    return seats


def accept_lines(run: SyncRun, month: Month, organization: str, *, credited: Decimal | None = None) -> list[Accepted]:
    """Record a person's word about an organization's invoiced lines of ``month``.

    Without ``credited``: they billed what they show now, and a line that ConnectWise no longer shows billed nothing, or
    what was made again for it. This settles ``invoice_unclear``. With it: so many seats were credited of what was
    invoiced too much, or to another company. This settles ``credit_due`` and ``moved``. The organization is given by id
    or exact name.

    Raises:
        UnknownChoice: If there is no such organization.
        NothingToAccept: If no line waits for that word; nothing is recorded.
        LockHeld: If a push is at work for ten minutes.
        SyncError: If the month has no usage report; nothing is recorded.
        ConnectWiseError: If ConnectWise cannot be read; nothing is recorded.
    """
    with push_lock(run.warehouse.engine, run.psa, wait_seconds=LOCK_WAIT_SECONDS, on_wait=run.say):
        with run.warehouse.transaction() as session:
            known = the_one("organization", organization, session.scalars(select(Organization)).all())
        preview, facts = preview_now(run, month)
        what = f"{known.name} ({known.id}) for {month}"
        edited = list(_edited(month, known.id, facts))
        if credited is None:
            _accept(run, what, edited)
            return edited
        if edited:
            msg = f"An invoiced line of {what} is not as it was written. Accept that first, without --credited."
            raise NothingToAccept(msg)
        issued = _issued(what, credits_due(known.id, preview, facts), credited)
        return _record_credits(run, issued, facts)


def _accept(run: SyncRun, what: str, edited: Sequence[Accepted]) -> None:
    if not edited:
        msg = f"Every invoiced line of {what} is as it was written. For a credit that was issued add --credited SEATS."
        raise NothingToAccept(msg)
    _record(run, EntryKind.ACCEPTED, [(one, max(one.before, default=Decimal(0))) for one in edited])


def _issued(what: str, due: Sequence[Credit], credited: Decimal) -> list[Credit]:
    """The credits that come to ``credited`` seats: all that are due, or those of one plan."""
    of_plans = [[one for one in due if one.identity.plan is plan] for plan in Plan]
    for some in (list(due), *of_plans):
        if some and sum(one.seats for one in some) == credited:
            return some
    if not due:
        msg = f"Nothing that was invoiced of {what} is to be credited."
        raise NothingToAccept(msg)
    lines = listed([f"{one.seats} of line {one.line.addition_id} ({one.identity.plan})" for one in due])
    msg = f"Not {credited} seats of {what} are to be credited, but {lines}. Credit those, and say so with --credited."
    raise NothingToAccept(msg)


def _record_credits(run: SyncRun, issued: Sequence[Credit], facts: Facts) -> list[Accepted]:
    accepted = [
        Accepted(one.identity, one.line, frozenset({before}), before - one.seats)
        for one in issued
        for before in [facts.counted(one.line)]
    ]
    _record(run, EntryKind.CREDITED, [(one, one.line.quantity) for one in accepted])
    return accepted


def _record(run: SyncRun, kind: EntryKind, words: Sequence[tuple[Accepted, Decimal]]) -> None:
    """Record a person's word about each line, in the ledger with what was there before, and in the audit."""
    with run.warehouse.transaction() as session:
        for one, before in words:
            ledger.append_word(
                session,
                run.psa,
                run.run_id,
                one.identity,
                one.line,
                kind=kind,
                before=before,
                quantity=one.counts,
                note=f"{kind.capitalize()} by a person.",
            )
            record(
                session,
                Deed.ACCEPT_LINES,
                one.identity.serial_number,
                before={"addition_id": one.line.addition_id, "counts_for": sorted(map(str, one.before))},
                after={"addition_id": one.line.addition_id, "counts_for": [str(one.counts)], "because": kind.value},
            )


def _edited(month: Month, organization_id: str, facts: Facts) -> Iterator[Accepted]:
    """The invoiced lines that are not as they were written, or gone, and what a person made again for those."""
    for plan in Plan:
        identity = Identity(month, plan, organization_id)
        invoiced = [line for line in facts.lines_of(identity) if is_invoiced(line, facts, month)]
        edited = [line for line in invoiced if is_edited(line, facts)]
        gone = [_gone(number, facts.ledger[number]) for number in vanished_after_invoicing(identity, facts)]
        for line in edited + gone:
            yield Accepted(identity, line, facts.ledger[line.addition_id].quantities, line.quantity)
        for line in invoiced if gone else ():
            if line.addition_id not in facts.ledger:
                yield Accepted(identity, line, frozenset(), line.quantity)


def _gone(addition_id: int, known: Written) -> Line:
    return Line(
        addition_id=addition_id,
        agreement_id=known.agreement_id,
        product_id=0,
        serial_number=known.serial_number,
        quantity=Decimal(0),
        effective_date=known.effective_date,
        cancelled_date=known.cancelled_date,
    )
