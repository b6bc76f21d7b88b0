"""What the endpoints have in common: reading one record, a list, records by their ids, and a count."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, TypeVar, cast
from urllib.parse import quote_plus

from pydantic import BaseModel

from cw_pipeline.connectwise.conditions import id_conditions, room_for_conditions
from cw_pipeline.connectwise.errors import NotFound, RecordUnreadable
from cw_pipeline.connectwise.models import Count, Identified
from cw_pipeline.connectwise.paging import PAGE_SIZE, PagedList
from cw_pipeline.connectwise.record_list import RecordList, Unreadable, record_list
from cw_pipeline.connectwise.replies import read_record

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from cw_pipeline.connectwise.http import Http

RecordT = TypeVar("RecordT", bound=BaseModel)
IdentifiedT = TypeVar("IdentifiedT", bound=Identified)

_FEW = 3  # requests: not worth another one for the length of the whole list


class Endpoints:
    """What the client's groups of methods share. Every method may raise any `errors.ConnectWiseError`."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def _one(self, path: str, model: type[RecordT], params: Mapping[str, str] | None = None) -> RecordT:
        """The record at this path."""
        return read_record(self._http.request("GET", path, params=params).document, model, endpoint=f"GET {path}")

    def _count(self, path: str) -> int:
        """How many records the list has."""
        return self._one(f"{path}/count", Count).count

    def _all(
        self, path: str, model: type[IdentifiedT], params: Mapping[str, str] | None = None
    ) -> Iterator[IdentifiedT]:
        """The records of a list, all of which have to be readable."""
        for record in PagedList(self._http, path, params or {}).read():
            yield read_record(record, model, endpoint=f"GET {path}")

    def _each(
        self,
        path: str,
        model: type[IdentifiedT],
        params: Mapping[str, str] | None = None,
        *,
        wanted: Callable[[Mapping[str, object]], bool] = lambda _record: True,
        nameless: list[RecordUnreadable] | None = None,
    ) -> Iterator[IdentifiedT | Unreadable]:
        """The records of a list, readable or not.

        Args:
            path: The list's.
            model: What the records are read as.
            params: Conditions of the list.
            wanted: Chooses records as ConnectWise sends them; of the others only the id is read.
            nameless: Collects records without a readable id; if it is None, they make the list unreadable.
        """
        for record in PagedList(self._http, path, params or {}).read(nameless):
            if wanted(record):
                yield _read(record, model, cast("int", record["id"]), endpoint=f"GET {path}")

    def _by_reference(
        self, path: str, model: type[IdentifiedT], field: str, ids: Iterable[int]
    ) -> RecordList[IdentifiedT]:
        """The list's records whose `field` is one of these ids, in as few requests as possible.

        The whole list is read if that takes fewer requests than conditions on the ids.
        """
        wanted = frozenset(ids)
        if not wanted:
            return RecordList(())
        conditions = self._conditions(path, field, wanted)
        nameless: list[RecordUnreadable] = []
        if len(conditions) > _FEW and self._count(path) // PAGE_SIZE + 1 < len(conditions):
            lists = [self._each(path, model, wanted=partial(_refers_to, field, wanted), nameless=nameless)]
        else:
            lists = [self._each(path, model, {"conditions": text}, nameless=nameless) for text in conditions]
        found = record_list(chain.from_iterable(lists))
        return replace(found, nameless=tuple(error.why for error in nameless))

    def _by_ids(self, path: str, model: type[IdentifiedT], ids: Iterable[int]) -> RecordList[IdentifiedT]:
        """The records with these ids. Those that the list lacks are requested one by one, since lists may lag."""
        wanted = frozenset(ids)
        listed = self._by_reference(path, model, "id", wanted)
        found: list[IdentifiedT | Unreadable] = [*listed.records, *listed.unreadable]
        for absent in sorted(wanted - {record.id for record in found}):
            own_path = f"{path}/{absent}"
            with suppress(NotFound):
                document = self._http.request("GET", own_path).document
                found.append(_read(document, model, absent, endpoint=f"GET {own_path}"))
        return record_list(found)

    def _conditions(self, path: str, field: str, ids: Iterable[int]) -> list[str]:
        """Conditions that together select these ids in `field`, each short enough for the list's URL."""
        return list(id_conditions(field, ids, room=self._room(path)))

    def _can_be_asked(self, path: str, condition: str) -> bool:
        """Whether the list's URL has room for the condition."""
        return len(quote_plus(condition)) <= self._room(path)

    def _room(self, path: str) -> int:
        return room_for_conditions(self._http.url(path))


def _refers_to(field: str, ids: Collection[int], record: Mapping[str, object]) -> bool:
    """Whether one of the ids is in a record's field, or something unreadable."""
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
