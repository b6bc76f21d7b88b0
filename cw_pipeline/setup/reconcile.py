"""Bringing what is kept in line with what a system lists now: the one way in which lists are imported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import inspect

from cw_pipeline.setup.errors import TooManyGone
from cw_pipeline.warehouse.names import Named, name_and_id
from cw_pipeline.warehouse.tables import AgreementRow, CompanyRow, OrganizationRow

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from datetime import datetime

    from sqlalchemy.orm import Session

RowT = TypeVar("RowT", CompanyRow, AgreementRow, OrganizationRow)

_TIMES = frozenset({"imported_at", "fetched_at", "gone_at"})

_FEW = 3
_MOST_OF_MAPPED = 10  # one in so many


@dataclass(frozen=True)
class Changes:
    """What an import changed.

    Attributes:
        new: What was not known before.
        changed: What was known otherwise, or is back.
        gone: What is no longer listed; its row and its mapping are kept.
        kept: How many are as they were.
        total: How many are listed now.
    """

    new: tuple[Named, ...]
    changed: tuple[Named, ...]
    gone: tuple[Named, ...]
    kept: int
    total: int

    @property
    def numbers(self) -> dict[str, int]:
        """How many are listed, new, changed and gone."""
        return {
            "total": self.total,
            "new": len(self.new),
            "changed": len(self.changed),
            "gone": len(self.gone),
        }

    @property
    def made(self) -> dict[str, int]:
        """How many are new, changed and gone, where there are any."""
        return {name: number for name, number in self.numbers.items() if number and name != "total"}


def reconcile(
    session: Session,
    known: Iterable[RowT],
    found: Iterable[RowT],
    *,
    now: datetime,
    expected: Callable[[RowT], bool] = lambda _row: True,
) -> Changes:
    """Add and update rows as `found` has them, and mark known rows gone that it lacks.

    Args:
        session: The transaction.
        known: All rows of the table.
        found: New rows, not in the session, as the system lists them now.
        now: When a row that is not found went.
        expected: Whether `found` would have this known row if it still existed.
    """
    missing = {row.id: row for row in known}
    listed = {row.id: row for row in found}
    new: list[Named] = []
    changed: list[Named] = []
    for row in listed.values():
        old = missing.pop(row.id, None)
        if old is None:
            session.add(row)
            new.append(_named(row))
            continue
        if old.gone_at is not None or _facts(old) != _facts(row):
            changed.append(_named(row))
        for name in _columns(row):
            setattr(old, name, getattr(row, name))
    gone = [row for row in missing.values() if row.gone_at is None and expected(row)]
    for row in gone:
        row.gone_at = now
    session.flush()
    return Changes(
        new=tuple(new),
        changed=tuple(changed),
        gone=tuple(map(_named, gone)),
        kept=len(listed) - len(new) - len(changed),
        total=len(listed),
    )


def require_most_are_there(what: str, system: str, changes: Changes, mapped: Collection[int | str]) -> None:
    """Believe a list only if it is not empty where there was something, and has all but a few of what is mapped.

    Raises:
        TooManyGone: If it may have been cut short: the role was narrowed, say, or the list lags behind.
    """
    gone = [one for one in changes.gone if one.id in mapped]
    if (changes.gone and not changes.total) or len(gone) > max(_FEW, len(mapped) // _MOST_OF_MAPPED):
        raise TooManyGone(what, system, changes.total, list(map(name_and_id, gone or changes.gone)), mapped=bool(gone))


def _named(row: CompanyRow | AgreementRow | OrganizationRow) -> Named:
    return Named(row.id, row.name)


def _columns(row: CompanyRow | AgreementRow | OrganizationRow) -> list[str]:
    return list(inspect(type(row)).column_attrs.keys())


def _facts(row: CompanyRow | AgreementRow | OrganizationRow) -> dict[str, object]:
    return {name: getattr(row, name) for name in _columns(row) if name not in _TIMES}
