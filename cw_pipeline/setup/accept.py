"""A person's word about single lines: what invoiced ones billed, what of it was credited, that nothing was used."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from sqlalchemy import select

from cw_pipeline.billing.accounting import EntryKind
from cw_pipeline.billing.credits import Credit, credits_due
from cw_pipeline.billing.facts import Facts, Line
from cw_pipeline.billing.holds import is_edited, unread_of, vanished_lines
from cw_pipeline.billing.identity import Identity
from cw_pipeline.billing.invoiced import State, is_short, state_of
from cw_pipeline.billing.outcomes import Outcome
from cw_pipeline.billing.written_off import days_without_invoice
from cw_pipeline.setup.audit import AuditAction, log_action
from cw_pipeline.setup.errors import NothingToAccept, listed
from cw_pipeline.setup.lookup import find
from cw_pipeline.sync.previews import preview_now, usage_report
from cw_pipeline.sync.push import LOCK_WAIT_SECONDS
from cw_pipeline.sync.recaps import written_off
from cw_pipeline.vocabulary import Plan
from cw_pipeline.warehouse import ledger
from cw_pipeline.warehouse.lock import push_lock
from cw_pipeline.warehouse.tables import OrganizationRow
from cw_pipeline.warehouse.usage import accept_absence
from cw_pipeline.wording import hold_reasons

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from cw_pipeline.billing.facts import Written
    from cw_pipeline.billing.window import Window
    from cw_pipeline.sync.sync_run import SyncRun
    from cw_pipeline.vocabulary import Month


@dataclass(frozen=True)
class Accepted:
    """One invoiced line about which a person's word was recorded; of 0 if ConnectWise no longer shows it."""

    identity: Identity
    line: Line
    before: frozenset[Decimal]
    """What it counted for before; empty where nobody knew."""
    counts: Decimal
    """What it counts for now."""
    kind: EntryKind = EntryKind.ACCEPTED
    """What the ledger says of that."""


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
    """Record a person's word about an organization's lines of `month`.

    Without `credited`: its invoiced lines billed what they show now, and a line that ConnectWise no longer shows
    billed nothing, or what was made again for it. Where its id is another line's now, that one is not taken for ours
    any more. This settles `invoice_unclear`, and what drift tells of lines that no invoice has in full, whose invoice
    may be gone, or whose period was perhaps written off. Where nothing waits for that, an organization that the month's
    report does not have used nothing. This settles `unusual`. With `credited`: so many seats were credited of what
    was invoiced too much, or to another company. This settles `credit_due` and `moved`. The organization is given
    by id or exact name.

    Raises:
        UnknownChoice: If there is no such organization.
        NothingToAccept: If no line waits for that word; nothing is recorded.
        LockHeld: If a push is at work for ten minutes.
        SyncError: If the month has no usage report; nothing is recorded.
        ConnectWiseError: If ConnectWise cannot be read; nothing is recorded.
    """
    with push_lock(run.warehouse.engine, run.psa, wait_seconds=LOCK_WAIT_SECONDS, on_wait=run.say) as lock:
        with run.warehouse.transaction() as session:
            known = find("organization", organization, session.scalars(select(OrganizationRow)).all())
            unbilled = written_off(session, run.psa)
        preview, facts = preview_now(run, lock, month)
        what = f"{known.name} ({known.id}) for {month}"
        _require_readable(what, [Identity(month, plan, known.id) for plan in Plan], facts)
        lines = [line for line in preview.lines if line.organization_id == known.id]
        unclear = {line.plan for line in lines if line.outcome is Outcome.INVOICE_UNCLEAR}
        waiting = list(_waiting(month, known.id, facts, unbilled, unclear))
        if credited is None and not waiting and any(line.outcome is Outcome.UNUSUAL for line in lines):
            return _accept_absence(run, month, known.id, facts)
        if credited is None and not waiting:
            waiting = list(_waiting(month, known.id, facts, unbilled, frozenset(Plan)))
        if credited is None:
            _accept(run, what, waiting)
            return waiting
        if waiting:
            msg = f"What an invoiced line of {what} billed is not clear. Accept that first, without --credited."
            raise NothingToAccept(msg)
        issued = _issued(what, credits_due(known.id, preview, facts), credited)
        return _record_credits(run, issued, facts)


def _require_readable(what: str, identities: Sequence[Identity], facts: Facts) -> None:
    """Make sure that every line is known: one that cannot be read would be taken for gone."""
    unread = unread_of(identities, facts.mappings.get(identities[0].organization_id), facts)
    if unread:
        why = " ".join(map(hold_reasons.cannot_be_read, unread))
        msg = f"What {what} billed cannot be accepted yet. {why} {hold_reasons.CORRECT_IT}"
        raise NothingToAccept(msg)


def _accept(run: SyncRun, what: str, waiting: Sequence[Accepted]) -> None:
    if not waiting:
        msg = f"Every invoiced line of {what} is as it was written. For a credit that was issued add --credited SEATS."
        raise NothingToAccept(msg)
    _record(run, [(one, max(one.before, default=Decimal(0))) for one in waiting])


def _accept_absence(run: SyncRun, month: Month, organization_id: str, facts: Facts) -> list[Accepted]:
    """Record that the organization used nothing; the next sync sets its open lines to 0."""
    identities = [Identity(month, plan, organization_id) for plan in Plan]
    with run.warehouse.transaction() as session:
        accept_absence(session, usage_report(session, month), organization_id)
        log_action(session, AuditAction.ACCEPT_LINES, f"{month} {organization_id}", after={"because": "used nothing"})
    return [
        Accepted(identity, line, frozenset({line.quantity}), line.quantity if invoiced else Decimal(0))
        for identity in identities
        for line in facts.lines_of(identity)
        for invoiced in [state_of(line, facts, month) is State.INVOICED]
        if line.quantity
    ]


def _issued(what: str, due: Sequence[Credit], credited: Decimal) -> list[Credit]:
    """The credits that come to `credited` seats: all that are due, or those of one plan."""
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
        Accepted(one.identity, one.line, frozenset({before}), before - one.seats, EntryKind.CREDITED)
        for one in issued
        for before in [facts.counted(one.line)]
    ]
    _record(run, [(one, one.line.quantity) for one in accepted])
    return accepted


def _record(run: SyncRun, words: Sequence[tuple[Accepted, Decimal]]) -> None:
    """Record a person's word about each line, in the ledger with what was there before, and in the audit."""
    with run.warehouse.transaction() as session:
        for one, before in words:
            ledger.append_manual_entry(
                session,
                run.psa,
                run.run_id,
                one.identity,
                one.line,
                kind=one.kind,
                before=before,
                quantity=one.counts,
                note=f"{one.kind.replace('_', ' ').capitalize()} by a person.",
            )
            log_action(
                session,
                AuditAction.ACCEPT_LINES,
                one.identity.serial_number,
                before={"addition_id": one.line.addition_id, "counts_for": sorted(map(str, one.before))},
                after={"addition_id": one.line.addition_id, "counts_for": [str(one.counts)], "because": one.kind.value},
            )


def _waiting(
    month: Month,
    organization_id: str,
    facts: Facts,
    unbilled: Mapping[int, Sequence[Window]],
    unclear: Collection[Plan],
) -> Iterator[Accepted]:
    """The invoiced lines that are gone, not as they were written, or not billed in full, and those made for gone ones.

    Of the `unclear` plans also those that may be invoiced.
    """
    for plan in Plan:
        wanted = {State.INVOICED, State.UNCLEAR, State.COPY} if plan in unclear else {State.INVOICED}
        identity = Identity(month, plan, organization_id)
        gone = [_gone(number, facts.ledger[number]) for number in vanished_lines(identity, facts)]
        for line in gone:
            kind = EntryKind.GIVEN_UP if line.addition_id in facts.strangers else EntryKind.ACCEPTED
            yield Accepted(identity, line, facts.ledger[line.addition_id].quantities, line.quantity, kind)
        for line in facts.lines_of(identity):
            state, known = state_of(line, facts, month), facts.ledger.get(line.addition_id)
            in_full = not (is_short(line, facts) or days_without_invoice(line, facts, unbilled))
            settled = state is State.INVOICED and not is_edited(line, facts) and in_full
            made_again = gone and (known is None or known.found)
            if state in wanted and (made_again or not settled):
                yield Accepted(identity, line, known.quantities if known else frozenset(), line.quantity)


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
