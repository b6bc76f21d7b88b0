"""Accept a person's decision about an organization's lines: what they billed, or what was credited."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from cw_pipeline.billing.accounting import EntryKind
from cw_pipeline.billing.credits import Credit, credits_due
from cw_pipeline.billing.facts import Facts, Line
from cw_pipeline.billing.holds import is_edited, unread_of, vanished_lines
from cw_pipeline.billing.identity import Identity
from cw_pipeline.billing.invoiced import State, is_short, state_of
from cw_pipeline.billing.outcomes import Outcome
from cw_pipeline.billing.written_off import days_without_invoice
from cw_pipeline.setup.audit import AuditAction, log_action
from cw_pipeline.setup.errors import NotPossible, listed
from cw_pipeline.setup.lookup import organizations_named
from cw_pipeline.sync.previews import current_snapshot
from cw_pipeline.sync.recaps import written_off
from cw_pipeline.vocabulary import Plan, counted
from cw_pipeline.warehouse import ledger
from cw_pipeline.wording import hold_reasons
from cw_pipeline.wording.commands import release_command

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from cw_pipeline.billing.facts import Written
    from cw_pipeline.billing.window import Window
    from cw_pipeline.sync.sync_run import SyncRun
    from cw_pipeline.vocabulary import Month


@dataclass(frozen=True)
class Accepted:
    """A line about which a person's decision was recorded; its quantity is 0 if ConnectWise no longer shows it.

    Attributes:
        before: What the line counted for before; empty if that was unknown.
        counts: What it counts for now.
        kind: The kind of its ledger entry.
    """

    identity: Identity
    line: Line
    before: frozenset[Decimal]
    counts: Decimal
    kind: EntryKind = EntryKind.ACCEPTED


def seats_of(text: str) -> Decimal:
    """A number of seats as a person writes it.

    Raises:
        NotPossible: If it is none.
    """
    try:
        seats = Decimal(text)
    except InvalidOperation:
        seats = Decimal("NaN")
    if not seats.is_finite() or seats <= 0:
        raise NotPossible(f"{text!r} is not a number of seats. Write it as 3.")
    return seats


def accept_lines(run: SyncRun, month: Month, organization: str, *, credited: Decimal | None = None) -> list[Accepted]:
    """Record a person's decision about an organization's lines of `month`.

    Without `credited`, its invoiced lines billed what they show now. A line that is gone billed nothing, or what a line
    that was created for it again shows; one whose id another line has now no longer counts as ours. This resolves
    `invoice_unclear`, and drift of lines that no invoice has in full, whose invoice may be gone, or whose period was
    perhaps written off.

    With `credited`, so many seats were credited of what was invoiced too much, or to another company. This resolves
    `credit_due` and `moved`.

    Raises:
        UnknownChoice: If no organization has this id or exact name.
        NotPossible: If no line waits for that decision.
        SyncError: If the month has no usage report.
    """
    with run.push_lock() as lock:
        with run.warehouse.transaction() as session:
            (named,) = organizations_named(session, [organization])
            unbilled = written_off(session, run.psa)
        snapshot = current_snapshot(run, lock, [month])
        (preview,), facts = snapshot.previews(), snapshot.facts
        what = f"{named.name} ({named.id}) for {month}"
        identities = [Identity(month, plan, named.id) for plan in Plan]
        # A line that cannot be read would be taken for gone.
        if unread := unread_of(identities, facts.mappings.get(named.id), facts):
            why = " ".join(map(hold_reasons.cannot_be_read, unread))
            raise NotPossible(f"What {what} billed cannot be accepted yet. {why} {hold_reasons.CORRECT_IT}")
        outcomes = [(line.plan, line.outcome) for line in preview.lines if line.organization_id == named.id]
        unclear = {plan for plan, outcome in outcomes if outcome is Outcome.INVOICE_UNCLEAR}
        waiting = list(_waiting(identities, facts, unbilled, unclear))
        if credited is not None:
            if waiting:
                raise NotPossible(
                    f"What an invoiced line of {what} billed is not clear. Accept that first, without --credited."
                )
            waiting = _credited(what, credits_due(named.id, preview, facts), credited, facts)
        waiting = waiting or list(_waiting(identities, facts, unbilled, frozenset(Plan)))
        if not waiting:
            if any(outcome is Outcome.UNUSUAL for _, outcome in outcomes):
                release = release_command(month, named.id)
                raise NotPossible(f"The usage of {what} is unusual. If it is right, release it with {release}.")
            raise NotPossible(
                f"Every invoiced line of {what} is as it was written. To record a credit, add --credited SEATS."
            )
        _record(run, waiting)
    return waiting


def _waiting(
    identities: Sequence[Identity],
    facts: Facts,
    unbilled: Mapping[int, Sequence[Window]],
    unclear: Collection[Plan],
) -> Iterator[Accepted]:
    """The invoiced lines that are gone, edited, or not billed in full, and those that were created for gone ones.

    Of the `unclear` plans also those that may be invoiced.
    """
    for identity in identities:
        states = {State.INVOICED, State.UNCLEAR, State.COPY} if identity.plan in unclear else {State.INVOICED}
        gone = list(vanished_lines(identity, facts))
        for number in gone:
            kind = EntryKind.GIVEN_UP if number in facts.strangers else EntryKind.ACCEPTED
            written = facts.ledger[number]
            yield Accepted(identity, _gone(number, written), written.quantities, Decimal(0), kind)
        for line in facts.lines_of(identity):
            state, known = state_of(line, facts, identity.month), facts.ledger.get(line.addition_id)
            in_full = not is_short(line, facts) and not days_without_invoice(line, facts, unbilled)
            settled = state is State.INVOICED and not is_edited(line, facts) and in_full
            made_again = gone and (known is None or known.found)
            if state in states and (made_again or not settled):
                yield Accepted(identity, line, known.quantities if known else frozenset(), line.quantity)


def _gone(addition_id: int, written: Written) -> Line:
    return Line(
        addition_id=addition_id,
        agreement_id=written.agreement_id,
        product_id=0,
        serial_number=written.serial_number,
        quantity=Decimal(0),
        effective_date=written.effective_date,
        cancelled_date=written.cancelled_date,
    )


def _credited(what: str, due: Sequence[Credit], seats: Decimal, facts: Facts) -> list[Accepted]:
    """The lines of which `seats` were credited: all that have a credit due, or those of one plan."""
    if not due:
        raise NotPossible(f"Nothing that was invoiced of {what} is to be credited.")
    candidates = [due, *([credit for credit in due if credit.identity.plan is plan] for plan in Plan)]
    issued = next((some for some in candidates if some and sum(credit.seats for credit in some) == seats), None)
    if issued is None:
        lines = listed(
            [
                f"{counted(credit.seats, 'seat')} (line {credit.line.addition_id}, {credit.identity.plan})"
                for credit in due
            ]
        )
        raise NotPossible(
            f"The credit due for {what} is {lines}, not {seats}. Credit that, and record it with --credited."
        )
    return [
        Accepted(credit.identity, credit.line, frozenset({before}), before - credit.seats, EntryKind.CREDITED)
        for credit in issued
        for before in [facts.counted(credit.line)]
    ]


def _record(run: SyncRun, accepted: Sequence[Accepted]) -> None:
    """Enter each line in the ledger and in the audit log, with what it counted for before."""
    with run.warehouse.transaction() as session:
        for entry in accepted:
            was_credited = entry.kind is EntryKind.CREDITED
            ledger.append_manual_entry(
                session,
                run.psa,
                run.run_id,
                entry.identity,
                entry.line,
                kind=entry.kind,
                before=entry.line.quantity if was_credited else max(entry.before, default=Decimal(0)),
                quantity=entry.counts,
                note=f"{entry.kind.replace('_', ' ').capitalize()} by a person.",
            )
            number = entry.line.addition_id
            log_action(
                session,
                AuditAction.ACCEPT_LINES,
                entry.identity.serial_number,
                before={"addition_id": number, "counts_for": sorted(map(str, entry.before))},
                after={"addition_id": number, "counts_for": [str(entry.counts)], "because": entry.kind.value},
            )
