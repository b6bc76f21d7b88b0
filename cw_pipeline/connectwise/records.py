"""Records at a path of the API: one, a list, those with certain ids, how many there are, and writing one.

Here belongs what the endpoints have in common. What every request has in common is in `http`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, TypeVar, cast

from pydantic import BaseModel

from cw_pipeline.connectwise.conditions import fits, id_conditions, room_for_conditions
from cw_pipeline.connectwise.errors import ContractBroken, NotFound, RecordUnreadable, UncertainWrite
from cw_pipeline.connectwise.models import Count, Identified
from cw_pipeline.connectwise.paging import PAGE_SIZE, Pages
from cw_pipeline.connectwise.record_list import RecordList, Unreadable, record_list
from cw_pipeline.connectwise.replies import read_record

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from cw_pipeline.connectwise.failures import Method
    from cw_pipeline.connectwise.http import Http

RecordT = TypeVar("RecordT", bound=BaseModel)
IdentifiedT = TypeVar("IdentifiedT", bound=Identified)

_FEW = 3
"""So many requests are not worth another one that asks how long the whole list is."""


class Endpoints:
    """Some of the client's methods, over the records that they share."""

    def __init__(self, http: Http) -> None:
        self._records = Records(http)


class Records:
    """The records of one site. Every method may raise any `errors.ConnectWiseError`; lists are read page by page."""

    def __init__(self, http: Http) -> None:
        self._http = http
        self._pages = Pages(http)

    def one(self, path: str, model: type[RecordT], params: Mapping[str, str] | None = None) -> RecordT:
        """The record at this path."""
        return read_record(self._http.request("GET", path, params=params).document, model, endpoint=f"GET {path}")

    def count(self, path: str) -> int:
        """How many records the list has."""
        return self.one(f"{path}/count", Count).count

    def all(
        self, path: str, model: type[IdentifiedT], params: Mapping[str, str] | None = None
    ) -> Iterator[IdentifiedT]:
        """The list's records, all of which have to be readable."""
        for record in self._pages.read(path, params=params or {}):
            yield read_record(record, model, endpoint=f"GET {path}")

    def each(
        self,
        path: str,
        model: type[IdentifiedT],
        params: Mapping[str, str] | None = None,
        *,
        wanted: Callable[[Mapping[str, object]], bool] = lambda _record: True,
        nameless: list[RecordUnreadable] | None = None,
    ) -> Iterator[IdentifiedT | Unreadable]:
        """The list's records that are `wanted` as ConnectWise sends them; of the others only the id is read.

        Records without a readable id are only in `nameless`; where that is not given, the list cannot be read.
        """
        for record in self._pages.read(path, params=params or {}, nameless=nameless):
            if wanted(record):
                yield _read(record, model, cast("int", record["id"]), endpoint=f"GET {path}")

    def first_found(
        self, path: str, model: type[IdentifiedT], queries: Iterable[Mapping[str, str]]
    ) -> RecordList[IdentifiedT]:
        """What the first of these queries finds that finds anything."""
        for params in queries:
            found = record_list(self.each(path, model, params))
            if found.records or found.unreadable:
                return found
        return RecordList(())

    def by_reference(
        self, path: str, model: type[IdentifiedT], field: str, ids: Iterable[int]
    ) -> RecordList[IdentifiedT]:
        """The list's records in whose `field` is one of these ids, in as few requests as that takes.

        They are asked for by the ids; where that takes more requests than the whole list, all of it is read.
        """
        wanted = frozenset(ids)
        if not wanted:
            return RecordList(())
        conditions = self.conditions(path, field, wanted)
        nameless: list[RecordUnreadable] = []
        if len(conditions) > _FEW and self.count(path) // PAGE_SIZE + 1 < len(conditions):
            pages = [self.each(path, model, wanted=lambda one: _refers_to(one, field, wanted), nameless=nameless)]
        else:
            pages = [self.each(path, model, {"conditions": one}, nameless=nameless) for one in conditions]
        found = record_list(chain.from_iterable(pages))
        return replace(found, nameless=tuple(one.why for one in nameless))

    def by_ids(self, path: str, model: type[IdentifiedT], ids: Iterable[int]) -> RecordList[IdentifiedT]:
        """The records with these ids. One that the list lacks is requested by itself: lists are known to lag.

        So is one that the list has without a readable id.
        """
        wanted = frozenset(ids)
        listed = self.by_reference(path, model, "id", wanted)
        absent = wanted - {one.id for one in (*listed.records, *listed.unreadable)}
        return record_list([*listed.records, *listed.unreadable, *self._by_themselves(path, model, sorted(absent))])

    def _by_themselves(
        self, path: str, model: type[IdentifiedT], ids: Iterable[int]
    ) -> Iterator[IdentifiedT | Unreadable]:
        for number in ids:
            try:
                document = self._http.request("GET", f"{path}/{number}").document
            except NotFound:
                continue
            yield _read(document, model, number, endpoint=f"GET {path}/{number}")

    def conditions(self, path: str, field: str, ids: Iterable[int]) -> list[str]:
        """Conditions that together ask the list for these ids in `field`, each short enough for an address."""
        return list(id_conditions(field, ids, room=self._room(path)))

    def can_be_asked(self, path: str, condition: str) -> bool:
        """Whether the address of the list has room for the condition."""
        return fits(condition, room=self._room(path))

    def write(self, method: Method, path: str, body: object, model: type[RecordT]) -> RecordT:
        """Send a write; an answer that does not show what was written leaves open whether it was.

        Raises:
            UncertainWrite: It may or may not have been carried out.
        """
        document = self._http.request(method, path, body=body).document
        try:
            return read_record(document, model, endpoint=f"{method} {path}")
        except ContractBroken as broken:
            msg = f"{broken} ConnectWise answered as if the write had worked; read back what it has now."
            raise UncertainWrite(msg) from broken

    def _room(self, path: str) -> int:
        return room_for_conditions(self._http.url(path))


def _refers_to(record: Mapping[str, object], field: str, ids: Collection[int]) -> bool:
    """Whether one of the ids is in a record's field, or something that cannot be read."""
    outer, _, inner = field.partition("/")
    value = record.get(outer)
    if inner:
        value = cast("Mapping[str, object]", value).get(inner) if isinstance(value, Mapping) else None
    return not isinstance(value, int) or value in ids


def _read(document: object, model: type[IdentifiedT], record_id: int, *, endpoint: str) -> IdentifiedT | Unreadable:
    try:
        return read_record(document, model, endpoint=endpoint)
    except RecordUnreadable as error:
        sent = cast("Mapping[str, object]", document) if isinstance(document, Mapping) else None
        return Unreadable(record_id, error.why, sent or {})
