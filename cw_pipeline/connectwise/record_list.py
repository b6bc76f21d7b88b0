"""A list whose unreadable records do not hide the readable ones, since each may concern another customer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable

RecordT = TypeVar("RecordT")


@dataclass(frozen=True)
class Unreadable:
    """A record that exists and is not what ConnectWise documents.

    Attributes:
        why: The field, and what is wrong with it.
        sent: The record as ConnectWise sent it, unchecked; empty if it sent none.
    """

    id: int
    why: str
    sent: Mapping[str, object] = field(default_factory=dict[str, object], repr=False)

    def text(self, name: str) -> str:
        """What was sent in this field; empty if that is no text."""
        value = self.sent.get(name)
        return value if isinstance(value, str) else ""


@dataclass(frozen=True)
class RecordList(Generic[RecordT]):
    """The readable records of a list, in its order, and what cannot be read of it.

    Attributes:
        nameless: What is wrong with records that have no readable id, so that they cannot be requested.
    """

    records: tuple[RecordT, ...]
    unreadable: tuple[Unreadable, ...] = ()
    nameless: tuple[str, ...] = ()


def record_list(found: Iterable[RecordT | Unreadable]) -> RecordList[RecordT]:
    """Separate the readable records from the others."""
    records: list[RecordT] = []
    unreadable: list[Unreadable] = []
    for record in found:
        if isinstance(record, Unreadable):
            unreadable.append(record)
        else:
            records.append(record)
    return RecordList(tuple(records), tuple(unreadable))
