"""The ledger: an append-only record of every write, with what was there before.

The statements that each sync needs are built once: to build one takes several times as long as to execute it.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from sqlalchemy import Select, bindparam, case, func, insert, select

from cw_pipeline.billing.accounting import ACCOUNTING, SEEN_INVOICED, Entry, EntryKind, account
from cw_pipeline.billing.identity import Identity
from cw_pipeline.billing.writes import SetQuantity
from cw_pipeline.warehouse.intents import open_intents
from cw_pipeline.warehouse.tables import LedgerEntry
from cw_pipeline.warehouse.tables.base import IN_BULK

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from sqlalchemy.orm import Session

    from cw_pipeline.billing.facts import Line, Written
    from cw_pipeline.vocabulary import Month
    from cw_pipeline.warehouse.intents import Intent

SelectT = TypeVar("SelectT", bound=Select[Any])

_OF_PSA = LedgerEntry.psa == bindparam("psa")
_OF_MONTHS = LedgerEntry.month.in_(bindparam("months", expanding=True))

_POSITION = select(func.max(LedgerEntry.id)).where(_OF_PSA)


def position(session: Session, psa: str) -> int:
    """The id of the last entry for `psa`; 0 where there is none."""
    return session.scalar(_POSITION, {"psa": psa}) or 0


def append_lines(
    session: Session, psa: str, run_id: str, lines: Iterable[tuple[Identity, Line]], *, kind: EntryKind, at: datetime
) -> None:
    """Record what ConnectWise shows of lines, each with the identity that it carries.

    `kind` is `FOUND`, `REBUILT` or `INVOICED`. `at` is when they were seen: lines seen together share it.
    """
    entry = {"psa": psa, "at": at, "run_id": run_id, "kind": kind}
    if rows := [entry | _columns(identity, line) for identity, line in lines]:
        session.execute(insert(LedgerEntry), rows, execution_options=IN_BULK)


def append_manual_entry(
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
    """Record what a person entered about an invoiced line, with a note that says why.

    `kind` is `ACCEPTED` (it billed `quantity`, where the ledger had `before`), `CREDITED` (it billed `before`, of which
    `quantity` is left) or `GIVEN_UP` (it billed nothing, and its id is another line's now).
    """
    manual = {"at": datetime.now(UTC), "kind": kind, "before": before, "quantity": quantity, "note": note}
    session.add(LedgerEntry(psa=psa, run_id=run_id, **_columns(identity, line) | manual))


def _columns(identity: Identity, line: Line) -> dict[str, Any]:
    return {
        **vars(identity),
        "serial_number": line.serial_number,
        "agreement_id": line.agreement_id,
        "product_id": line.product_id,
        "addition_id": line.addition_id,
        "before": line.quantity,
        "quantity": line.quantity,
        "effective_date": line.effective_date or identity.month.first_day,
        "cancelled_date": line.cancelled_date,
    }


_AGREEMENTS = select(LedgerEntry.agreement_id).where(_OF_PSA, _OF_MONTHS).distinct()


def agreements_with_lines(session: Session, psa: str, months: Collection[Month]) -> set[int]:
    """The agreements to which lines for `months` were written, or may have been."""
    return set(session.scalars(_AGREEMENTS, {"psa": psa, "months": months}))


def written_lines(
    session: Session, psa: str, months: Collection[Month], intents: Iterable[Intent] | None = None
) -> dict[int, Written]:
    """What the ledger accounts for of each addition that was written or found for `months`, by addition id.

    `intents` are the open ones, if they were read already.
    """
    intents = open_intents(session, psa) if intents is None else intents
    return account(_entries(session, psa, months), _intended(intents))


def carried_seats(session: Session, psa: str, months: Collection[Month]) -> Mapping[tuple[Month, str], Decimal]:
    """The seats on the lines written or found for `months`, by month and by organization id as the lines have it.

    While a write is not settled, the most that its line may carry counts.
    """
    seats: defaultdict[tuple[Month, str], Decimal] = defaultdict(Decimal)
    for written in written_lines(session, psa, months).values():
        identity, most = Identity.parse(written.serial_number), max(written.quantities, default=Decimal(0))
        if identity is not None and most and not written.trial:
            seats[identity.month, identity.organization_id] += most
    return dict(seats)


def accounted_lines(session: Session, psa: str) -> dict[int, tuple[Entry, Written]]:
    """What the ledger accounts for of each addition of any month, with the last entry that says what it carries."""
    entries = list(_entries(session, psa))
    written = account(entries, _intended(open_intents(session, psa)))
    last = {entry.addition_id: entry for entry in entries if entry.kind is not EntryKind.INVOICED}
    return {addition_id: (entry, written[addition_id]) for addition_id, entry in last.items()}


def _intended(intents: Iterable[Intent]) -> list[tuple[int, Decimal]]:
    """The additions with an open write, each with the quantity that it was to get."""
    writes = (intent.write for intent in intents)
    return [(write.addition_id, write.quantity) for write in writes if isinstance(write, SetQuantity)]


_ENTRY_COLUMNS = (
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
"""Selected one by one: whole rows, which SQLAlchemy keeps track of, would take several times as long."""


def _since_given_up(statement: SelectT) -> SelectT:
    """The entries that say what an addition is, without what was known of one before a person gave it up."""
    given_up = (
        select(LedgerEntry.addition_id, func.max(LedgerEntry.id).label("last"))
        .where(_OF_PSA, LedgerEntry.kind == EntryKind.GIVEN_UP)
        .group_by(LedgerEntry.addition_id)
        .subquery()
    )
    return statement.outerjoin(given_up, given_up.c.addition_id == LedgerEntry.addition_id).where(
        _OF_PSA,
        LedgerEntry.kind.in_(ACCOUNTING),
        LedgerEntry.addition_id.is_not(None),
        LedgerEntry.id > func.coalesce(given_up.c.last, 0),
    )


_ENTRIES = _since_given_up(select(*_ENTRY_COLUMNS)).order_by(LedgerEntry.id)
_ENTRIES_OF_MONTHS = _ENTRIES.where(_OF_MONTHS)


def _entries(session: Session, psa: str, months: Collection[Month] | None = None) -> Iterator[Entry]:
    """The entries that say what an addition is, oldest first; of all months, or of some."""
    statement = _ENTRIES if months is None else _ENTRIES_OF_MONTHS
    for row in session.execute(statement, {"psa": psa, "months": months}):
        kind, at, month, plan, organization_id, *of_line, before, quantity, first_day, last_day, trial = row
        is_credit = kind is EntryKind.CREDITED  # its columns have what was billed, and what is left of that
        yield Entry(
            kind,
            at,
            Identity(month, plan, organization_id),
            *of_line,
            quantity=before if is_credit else quantity,
            credited=before - quantity if is_credit else Decimal(0),
            effective_date=first_day,
            cancelled_date=last_day,
            trial=bool(trial),
        )


class Known(NamedTuple):
    """What the ledger knows of an addition of any month, but for its quantities."""

    serial_number: str
    product_ids: frozenset[int]
    """The products that it was written with or seen with."""
    agreement_ids: frozenset[int]
    """The agreements that it was written to or seen on."""
    invoiced: bool


_UNKNOWN = Known("", frozenset(), frozenset(), invoiced=False)


_KNOWN_COLUMNS = (LedgerEntry.addition_id, LedgerEntry.serial_number, LedgerEntry.product_id, LedgerEntry.agreement_id)
_WAS_INVOICED = func.max(case((LedgerEntry.kind.in_(SEEN_INVOICED), 1), else_=0)) == 1
_KNOWN_LINES = _since_given_up(select(*_KNOWN_COLUMNS, _WAS_INVOICED)).group_by(*_KNOWN_COLUMNS)


def known_lines(session: Session, psa: str) -> dict[int, Known]:
    """Each addition that was written, found or accepted, by addition id."""
    known: dict[int, Known] = {}
    shared: dict[frozenset[int], frozenset[int]] = {}  # else these sets would be most of what a line takes in memory
    lines = session.execute(_KNOWN_LINES, {"psa": psa})
    for addition_id, serial_number, product_id, agreement_id, was_invoiced in lines:
        before = known.get(addition_id, _UNKNOWN)
        product_ids, agreement_ids = before.product_ids | {product_id}, before.agreement_ids | {agreement_id}
        known[addition_id] = Known(
            serial_number,
            shared.setdefault(product_ids, product_ids),
            shared.setdefault(agreement_ids, agreement_ids),
            before.invoiced or was_invoiced,
        )
    return known
