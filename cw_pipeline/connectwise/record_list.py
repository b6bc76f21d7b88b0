"""A list of ConnectWise's: the records that can be read, and those that cannot.

One record that is not as promised says nothing about the others, so whoever reads a list about many customers
decides about each by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable

RecordT = TypeVar("RecordT")


@dataclass(frozen=True)
class Unreadable:
    """A record that is there and cannot be read.

    Attributes:
        id: The record's id.
        why: The field that is not as promised, and what is wrong with it.
        sent: The record as ConnectWise sent it, unchecked; empty where it sent none.
    """

    id: int
    why: str
    sent: Mapping[str, object] = field(default_factory=dict[str, object], repr=False)

    def text(self, name: str) -> str:
        """What was sent in this field, if that is a text; else nothing."""
        value = self.sent.get(name)
        return value if isinstance(value, str) else ""


@dataclass(frozen=True)
class RecordList(Generic[RecordT]):
    """A list's records, in its order, and apart from them those that cannot be read.

    Attributes:
        records: Those that can be read.
        unreadable: Those that cannot.
        nameless: What is wrong with those that have no readable id, so that nobody can ask for them.
    """

    records: tuple[RecordT, ...]
    unreadable: tuple[Unreadable, ...] = ()
    nameless: tuple[str, ...] = ()


def record_list(found: Iterable[RecordT | Unreadable]) -> RecordList[RecordT]:
    """The records that can be read, and those that cannot."""
    records: list[RecordT] = []
    unreadable: list[Unreadable] = []
    for one in found:
        if isinstance(one, Unreadable):
            unreadable.append(one)
        else:
            records.append(one)
    return RecordList(tuple(records), tuple(unreadable))
