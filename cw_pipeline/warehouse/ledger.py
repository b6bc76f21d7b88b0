"""The ledger: an append-only record of every write, with what was there before."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from sqlalchemy import Select, case, func, insert, select

from cw_pipeline.billing.accounting import ACCOUNTING, SEEN_INVOICED, Entry, EntryKind, account
from cw_pipeline.billing.identity import Identity
from cw_pipeline.billing.writes import SetQuantity
from cw_pipeline.warehouse.intents import open_intents
from cw_pipeline.warehouse.tables import LedgerEntry
from cw_pipeline.warehouse.tables.base import IN_BULK

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from cw_pipeline.billing.facts import Line, Written
    from cw_pipeline.vocabulary import Month

SelectT = TypeVar("SelectT", bound=Select[Any])


def position(session: Session, psa: str) -> int:
    """The id of the last entry for `psa`; 0 where there is none."""
    return session.scalar(select(func.max(LedgerEntry.id)).where(LedgerEntry.psa == psa)) or 0


def append_lines(
    session: Session, psa: str, run_id: str, lines: Iterable[tuple[Identity, Line]], *, kind: EntryKind, at: datetime
) -> None:
    """Record what ConnectWise shows of lines.

    Args:
        session: The transaction.
        psa: The key of the ConnectWise company.
        run_id: The run.
        lines: The lines, each with whose seats of which month it carries.
        kind: `FOUND`, `REBUILT` or `INVOICED`.
        at: When they were seen: what is seen together is known since the same moment.
    """
    entry = {"psa": psa, "at": at, "run_id": run_id, "kind": kind}
    if rows := [entry | _columns(identity, line) for identity, line in lines]:
        session.execute(insert(LedgerEntry), rows, execution_options=IN_BULK)


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
    """Record what a person entered about an invoiced line.

    Args:
        session: The transaction.
        psa: The key of the ConnectWise company.
        run_id: The run.
        identity: Whose seats of which month the line carries.
        line: The line.
        kind: `ACCEPTED` (it billed `quantity`, where the ledger had `before`), `CREDITED` (it billed `before`, of which
            `quantity` is left) or `GIVEN_UP` (it billed nothing, and its id is another line's now).
        before: What it billed, or what the ledger had.
        quantity: What it billed, or what is left of that.
        note: Why.
    """
    said = {"kind": kind, "before": before, "quantity": quantity, "note": note}
    session.add(LedgerEntry(psa=psa, at=datetime.now(UTC), run_id=run_id, **_columns(identity, line) | said))


def _columns(identity: Identity, line: Line) -> dict[str, Any]:
    """A line as ConnectWise shows it."""
    return {
        "month": identity.month,
        "organization_id": identity.organization_id,
        "plan": identity.plan,
        "serial_number": line.serial_number,
        "agreement_id": line.agreement_id,
        "product_id": line.product_id,
        "addition_id": line.addition_id,
        "before": line.quantity,
        "quantity": line.quantity,
        "effective_date": line.effective_date or identity.month.first_day,
        "cancelled_date": line.cancelled_date,
    }


def agreements_with_lines(session: Session, psa: str, months: Collection[Month]) -> set[int]:
    """The agreements to which lines for `months` were written, or may have been."""
    of_months = (LedgerEntry.psa == psa, LedgerEntry.month.in_(months))
    return set(session.scalars(select(LedgerEntry.agreement_id).where(*of_months).distinct()))


def written_lines(session: Session, psa: str, months: Collection[Month]) -> dict[int, Written]:
    """What is accounted for of each addition that was written or found for `months`, by addition id."""
    return account(_entries(session, psa, LedgerEntry.month.in_(months)), _intended(session, psa))


def carried_seats(session: Session, psa: str, months: Collection[Month]) -> Mapping[tuple[Month, str], Decimal]:
    """What the lines that were written or found for `months` bill, by month and organization id as they have it.

    Where a write is not settled, the most that a line may carry counts.
    """
    seats: defaultdict[tuple[Month, str], Decimal] = defaultdict(Decimal)
    for written in written_lines(session, psa, months).values():
        identity, most = Identity.parse(written.serial_number), max(written.quantities, default=Decimal(0))
        if identity is not None and most and not written.trial:
            seats[identity.month, identity.organization_id] += most
    return dict(seats)


def accounted_lines(session: Session, psa: str) -> dict[int, tuple[Entry, Written]]:
    """What is accounted for of each addition of whatever month, with the last entry that says what it carries."""
    entries = list(_entries(session, psa))
    written = account(entries, _intended(session, psa))
    last = {one.addition_id: one for one in entries if one.kind is not EntryKind.INVOICED}
    return {number: (entry, written[number]) for number, entry in last.items()}


def _intended(session: Session, psa: str) -> list[tuple[int, Decimal]]:
    """The additions for which a write is open, each with the quantity that it was to get."""
    open_writes = (intent.write for intent in open_intents(session, psa))
    return [(one.addition_id, one.quantity) for one in open_writes if isinstance(one, SetQuantity)]


_OF_AN_ENTRY = (
    LedgerEntry.kind,
    LedgerEntry.at,
    LedgerEntry.month,
    LedgerEntry.plan,
    LedgerEntry.organization_id,
    LedgerEntry.serial_number,
    LedgerEntry.addition_id,
    LedgerEntry.agreement_id,
    LedgerEntry.product_id,
    LedgerEntry.before,
    LedgerEntry.quantity,
    LedgerEntry.effective_date,
    LedgerEntry.cancelled_date,
    LedgerEntry.trial,
)
"""What is read of an entry: whole rows, which SQLAlchemy keeps track of, would take it several times as long."""


def _entries(session: Session, psa: str, *wanted: ColumnElement[bool]) -> Iterator[Entry]:
    """The `wanted` entries that say what an addition is, oldest first.

    Of a credit, the columns say what was billed before it, and what is left.
    """
    statement = _since_given_up(select(*_OF_AN_ENTRY), psa).where(*wanted).order_by(LedgerEntry.id)
    for kind, at, month, plan, organization_id, *of_line, before, quantity, first, last, trial in session.execute(
        statement
    ):
        is_credit = kind is EntryKind.CREDITED
        yield Entry(
            kind,
            at,
            Identity(month, plan, organization_id),
            *of_line,
            quantity=before if is_credit else quantity,
            credited=before - quantity if is_credit else Decimal(0),
            effective_date=first,
            cancelled_date=last,
            trial=bool(trial),
        )


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
        LedgerEntry.kind.in_(ACCOUNTING),
        LedgerEntry.addition_id.is_not(None),
        LedgerEntry.id > func.coalesce(given_up.c.last, 0),
    )


class Known(NamedTuple):
    """What the ledger knows of an addition, of whatever month, without its quantities."""

    serial_number: str
    """With which it was written, found or accepted."""
    product_ids: frozenset[int]
    """The products that it was written with, or had when it was seen."""
    agreement_ids: frozenset[int]
    """The agreements that it was written to or seen on."""
    invoiced: bool


def known_lines(session: Session, psa: str) -> dict[int, Known]:
    """Each addition that was written, found or accepted, by addition id."""

    @cache  # lines share them: they are the most of what is kept of a line
    def alone(number: int) -> frozenset[int]:
        return frozenset({number})

    seen_invoiced = func.max(case((LedgerEntry.kind.in_(SEEN_INVOICED), 1), else_=0))
    columns = (LedgerEntry.addition_id, LedgerEntry.serial_number, LedgerEntry.product_id, LedgerEntry.agreement_id)
    entries = session.execute(_since_given_up(select(*columns, seen_invoiced), psa).group_by(*columns)).tuples()
    known: dict[int, Known] = {}
    for number, serial_number, product_id, agreement_id, invoiced in entries:
        if number is None:
            continue
        one = Known(serial_number, alone(product_id), alone(agreement_id), invoiced == 1)
        if number in known:
            before = known[number]
            one = Known(
                serial_number,
                before.product_ids | one.product_ids,
                before.agreement_ids | one.agreement_ids,
                before.invoiced or one.invoiced,
            )
        known[number] = one
    return known
