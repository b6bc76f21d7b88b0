"""The ledger: an append-only record of every write, with what was there before."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Select, case, func, select

from cw_pipeline.billing.facts import Written
from cw_pipeline.warehouse.tables import PERSONS_WORD, SEEN, SETTLED, EntryKind, LedgerEntry

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import date

    from sqlalchemy.orm import Session

    from cw_pipeline.billing.facts import Line
    from cw_pipeline.billing.identity import Identity
    from cw_pipeline.vocabulary import Month

SelectT = TypeVar("SelectT", bound=Select[Any])
_SEEN_INVOICED = frozenset({EntryKind.INVOICED, EntryKind.DOUBTFUL, *PERSONS_WORD})
_ACCOUNTING = frozenset({EntryKind.CONFIRMED, *SEEN, *_SEEN_INVOICED}) - {EntryKind.GIVEN_UP}


def position(session: Session, psa: str) -> int:
    """The id of the last entry for ``psa``; 0 where there is none."""
    return session.scalar(select(func.max(LedgerEntry.id)).where(LedgerEntry.psa == psa)) or 0


def append_word(
    session: Session,
    psa: str,
    run_id: str,
    identity: Identity,
    line: Line,
    *,
    kind: EntryKind,
    before: Decimal,
    quantity: Decimal,
    note: str,
) -> None:
    """Record a person's word about an invoiced line.

    ``ACCEPTED``: it billed ``quantity``, where the ledger had ``before``. ``CREDITED``: it billed ``before``, of which
    ``quantity`` is left after a credit. ``GIVEN_UP``: it billed nothing, and its id is another line's now.
    """
    _append_line(session, psa, run_id, identity, line, kind=kind, before=before, quantity=quantity, note=note)


def append_seen(
    session: Session, psa: str, run_id: str, identity: Identity, line: Line, *, kind: EntryKind, at: datetime
) -> None:
    """Record that ConnectWise shows a line of ours (``FOUND``, ``REBUILT``), or has invoiced one (``INVOICED``).

    What is seen together is known since the same moment.
    """
    shown = line.quantity
    _append_line(session, psa, run_id, identity, line, kind=kind, before=shown, quantity=shown, at=at)


def _append_line(
    session: Session,
    psa: str,
    run_id: str,
    identity: Identity,
    line: Line,
    *,
    kind: EntryKind,
    before: Decimal,
    quantity: Decimal,
    note: str | None = None,
    at: datetime | None = None,
) -> None:
    session.add(
        LedgerEntry(
            psa=psa,
            at=at or datetime.now(UTC),
            run_id=run_id,
            kind=kind,
            month=identity.month,
            organization_id=identity.organization_id,
            plan=identity.plan,
            serial_number=line.serial_number,
            agreement_id=line.agreement_id,
            product_id=line.product_id,
            addition_id=line.addition_id,
            before=before,
            quantity=quantity,
            effective_date=line.effective_date or identity.month.first_day,
            cancelled_date=line.cancelled_date,
            note=note,
        )
    )


def open_intents(session: Session, psa: str) -> Sequence[LedgerEntry]:
    """The intents of which nobody knows yet what became, oldest first."""
    settled = select(LedgerEntry.intent_id).where(LedgerEntry.psa == psa, LedgerEntry.kind.in_(SETTLED))
    return session.scalars(
        select(LedgerEntry)
        .where(
            LedgerEntry.psa == psa,
            LedgerEntry.kind == EntryKind.INTENT,
            LedgerEntry.id.not_in(settled),
        )
        .order_by(LedgerEntry.id)
    ).all()


def answered_ids(session: Session, psa: str) -> dict[int, int]:
    """The ids that ConnectWise answered for new lines which it did not show as meant, by intent."""
    answers = session.execute(
        select(LedgerEntry.intent_id, LedgerEntry.addition_id).where(
            LedgerEntry.psa == psa, LedgerEntry.kind == EntryKind.UNCONFIRMED, LedgerEntry.addition_id.is_not(None)
        )
    ).tuples()
    return {intent_id: addition_id for intent_id, addition_id in answers if intent_id and addition_id}


def agreements_with_lines(session: Session, psa: str, months: Collection[Month]) -> set[int]:
    """The agreements to which lines for ``months`` were written, or may have been."""
    return set(
        session.scalars(
            select(LedgerEntry.agreement_id)
            .where(
                LedgerEntry.psa == psa,
                LedgerEntry.month.in_(months),
            )
            .distinct()
        )
    )


def written_lines(session: Session, psa: str, months: Collection[Month]) -> dict[int, Written]:
    """What is accounted for of each addition that was written or found for ``months``, by addition id.

    A line for whose period a newer one was made carries 0: the newer one was made because ConnectWise did not show it
    any more while its period was still open, so it was never invoiced.
    """
    of_months = LedgerEntry.month.in_(months)
    written: dict[int, Written] = {}
    made_for: dict[tuple[str, int, date], int] = {}
    for entry in session.scalars(_accounting(psa).where(of_months)):
        number = entry.addition_id or 0
        if number not in written and entry.cancelled_date is not None and entry.kind not in SEEN:
            period = (entry.serial_number, entry.agreement_id, entry.effective_date)
            replaced = made_for.get(period)
            if replaced is not None and written[replaced].quantities and not written[replaced].invoiced:
                written[replaced] = replace(written[replaced], quantities=frozenset({Decimal(0)}))
            made_for[period] = number
        written[number] = _accounted(entry, written.get(number))
    for intent in open_intents(session, psa):
        if intent.addition_id in written:
            known = written[intent.addition_id]
            written[intent.addition_id] = replace(known, quantities=known.quantities | {intent.quantity})
    return written


def last_entries(session: Session, psa: str) -> dict[int, LedgerEntry]:
    """The last entry that says what an addition carries, for each addition of whatever month, by addition id."""
    entries = session.scalars(_accounting(psa).where(LedgerEntry.kind != EntryKind.INVOICED))
    return {entry.addition_id or 0: entry for entry in entries}


def _accounting(psa: str) -> Select[tuple[LedgerEntry]]:
    """The entries after which an addition is known to be as they say, oldest first."""
    return _since_given_up(select(LedgerEntry), psa).order_by(LedgerEntry.id)


def _since_given_up(statement: SelectT, psa: str) -> SelectT:
    """The entries that say what an addition is; what was known of one before a person gave it up is not."""
    given_up = (
        select(LedgerEntry.addition_id, func.max(LedgerEntry.id).label("last"))
        .where(LedgerEntry.psa == psa, LedgerEntry.kind == EntryKind.GIVEN_UP)
        .group_by(LedgerEntry.addition_id)
        .subquery()
    )
    return statement.outerjoin(given_up, given_up.c.addition_id == LedgerEntry.addition_id).where(
        LedgerEntry.psa == psa,
        LedgerEntry.kind.in_(_ACCOUNTING),
        LedgerEntry.addition_id.is_not(None),
        LedgerEntry.id > func.coalesce(given_up.c.last, 0),
    )


def _accounted(entry: LedgerEntry, known: Written | None) -> Written:
    """What is accounted for of a line after ``entry``, of which ``known`` was accounted for before it."""
    if entry.kind == EntryKind.INVOICED and known is not None:
        return replace(known, invoiced=True)
    accepted = entry.kind in PERSONS_WORD
    dated = entry if known is None or entry.kind == EntryKind.ACCEPTED else known
    return Written(
        agreement_id=entry.agreement_id,
        serial_number=entry.serial_number,
        quantities=_quantities(entry),
        effective_date=dated.effective_date,
        cancelled_date=dated.cancelled_date,
        credited=entry.before - entry.quantity if entry.kind == EntryKind.CREDITED else Decimal(0),
        found=known.found if known else entry.kind in SEEN,
        rebuilt=known.rebuilt if known else entry.kind == EntryKind.REBUILT,
        known_since=known.known_since if known else entry.at,
        invoiced=(known is not None and known.invoiced) or accepted or entry.kind in _SEEN_INVOICED,
        accepted=(known is not None and known.accepted) or accepted,
    )


def _quantities(entry: LedgerEntry) -> frozenset[Decimal]:
    """The quantity that a line should have after ``entry``; none where nobody knows."""
    if entry.kind == EntryKind.DOUBTFUL:
        return frozenset()
    return frozenset({entry.before if entry.kind == EntryKind.CREDITED else entry.quantity})


@dataclass(frozen=True)
class Known:
    """What the ledger knows of an addition, of whatever month, without its quantities."""

    serial_number: str
    """With which it was written or found, or taken on a person's word."""
    product_ids: frozenset[int]
    """The products that it was written with, or had when it was seen."""
    invoiced: bool


def known_lines(session: Session, psa: str) -> dict[int, Known]:
    """Each addition that was written or found, or taken on a person's word, by addition id."""
    seen_invoiced = func.max(case((LedgerEntry.kind.in_(_SEEN_INVOICED), 1), else_=0))
    columns = (LedgerEntry.addition_id, LedgerEntry.serial_number, LedgerEntry.product_id)
    entries = session.execute(_since_given_up(select(*columns, seen_invoiced), psa).group_by(*columns)).tuples()
    known: dict[int, Known] = {}
    for number, serial_number, product_id, invoiced in entries:
        if number:
            one = known.get(number, Known(serial_number, frozenset(), invoiced=False))
            known[number] = Known(serial_number, one.product_ids | {product_id}, one.invoiced or invoiced == 1)
    return known
