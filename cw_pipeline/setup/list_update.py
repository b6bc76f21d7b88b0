"""Bring a stored list of companies, agreements or organizations up to date with what a system lists now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import inspect, select

from cw_pipeline.setup.errors import TooManyGone
from cw_pipeline.warehouse.names import Named, name_and_id
from cw_pipeline.warehouse.tables import AgreementRow, CompanyMappingRow, CompanyRow, OrganizationRow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from sqlalchemy.orm import Session

RowT = TypeVar("RowT", CompanyRow, AgreementRow, OrganizationRow)

_MAPPED = {
    CompanyRow: CompanyMappingRow.company_id,
    AgreementRow: CompanyMappingRow.agreement_id,
    OrganizationRow: CompanyMappingRow.organization_id,
}
_TIMES = frozenset({"imported_at", "fetched_at", "gone_at"})

_FEW = 3
_MOST_OF_MAPPED = 10  # one in so many


@dataclass(frozen=True)
class Changes:
    """What an import changed.

    Attributes:
        changed: What was different before, or was gone.
        gone: What is no longer listed; its row and its mapping are kept.
        kept: How many did not change.
        total: How many are listed now.
    """

    new: tuple[Named, ...]
    changed: tuple[Named, ...]
    gone: tuple[Named, ...]
    gone_but_mapped: tuple[Named, ...]
    kept: int
    total: int

    @property
    def numbers(self) -> dict[str, int]:
        """How many are listed, new, changed and gone."""
        return {"total": self.total, "new": len(self.new), "changed": len(self.changed), "gone": len(self.gone)}

    @property
    def made(self) -> dict[str, int]:
        """How many are new, changed and gone, if there are any."""
        return {name: number for name, number in self.numbers.items() if number and name != "total"}


def update_list(
    session: Session,
    table: type[RowT],
    listed: Iterable[RowT],
    *,
    now: datetime,
    accept_warnings: bool,
    is_expected: Callable[[RowT], bool] = lambda _row: True,
) -> Changes:
    """Add and update the stored rows, and mark gone those that are no longer listed.

    Args:
        session: The transaction.
        table: The rows' class.
        listed: New rows, not in the session, as the system lists them now.
        now: When a row that is not listed went.
        accept_warnings: Believe a list that is empty although there was something, or lacks more than a few of what is
            mapped: it may be late, or the role of the keys may show less.
        is_expected: Whether this known row would be listed if it still existed.

    Raises:
        TooManyGone: If the list looks cut short, and `accept_warnings` is not set.
    """
    columns = inspect(table).column_attrs.keys()
    facts, times = [name for name in columns if name not in _TIMES], _TIMES.intersection(columns)
    missing = {row.id: row for row in session.scalars(select(table))}
    rows = {row.id: row for row in listed}
    new: list[Named] = []
    changed: list[Named] = []
    for row in rows.values():
        old = missing.pop(row.id, None)
        if old is None:
            session.add(row)
            new.append(Named(row.id, row.name))
            continue
        is_changed = old.gone_at or any(getattr(old, name) != getattr(row, name) for name in facts)
        if is_changed:
            changed.append(Named(row.id, row.name))
        for name in columns if is_changed else times:
            setattr(old, name, getattr(row, name))
    gone = [row for row in missing.values() if row.gone_at is None and is_expected(row)]
    for row in gone:
        row.gone_at = now
    session.flush()
    mapped = set(session.scalars(select(_MAPPED[table])))
    gone_but_mapped = tuple(Named(row.id, row.name) for row in gone if row.id in mapped)
    lacks_many_mapped = len(gone_but_mapped) > max(_FEW, len(mapped) // _MOST_OF_MAPPED)
    if not accept_warnings and ((gone and not rows) or lacks_many_mapped):
        system = "NordPass" if table is OrganizationRow else "ConnectWise"
        which = list(map(name_and_id, gone_but_mapped or gone))
        raise TooManyGone(table.__tablename__, system, len(rows), which, mapped=bool(gone_but_mapped))
    return Changes(
        new=tuple(new),
        changed=tuple(changed),
        gone=tuple(Named(row.id, row.name) for row in gone),
        gone_but_mapped=gone_but_mapped,
        kept=len(rows) - len(new) - len(changed),
        total=len(rows),
    )
