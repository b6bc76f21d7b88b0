"""Records at a path of the API: one, a list, those with certain ids, how many there are, and writing one.

Here belongs what the endpoints have in common. What every request has in common is in `http`.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel

from cw_pipeline.connectwise.conditions import fits, id_conditions, room_for_conditions
from cw_pipeline.connectwise.errors import ContractBroken, NotFound, UncertainWrite
from cw_pipeline.connectwise.models import Count, Identified
from cw_pipeline.connectwise.paging import read_pages
from cw_pipeline.connectwise.replies import read_record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from cw_pipeline.connectwise.http import Http
    from cw_pipeline.connectwise.retries import Method

RecordT = TypeVar("RecordT", bound=BaseModel)
IdentifiedT = TypeVar("IdentifiedT", bound=Identified)


class Endpoints:
    """Some of the client's methods, over the records that they share."""

    def __init__(self, http: Http) -> None:
        self._records = Records(http)


class Records:
    """The records of one site. Every method may raise any `errors.ConnectWiseError`; lists are read page by page."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def one(self, path: str, model: type[RecordT]) -> RecordT:
        """The record at this path."""
        return read_record(self._http.request("GET", path).document, model, endpoint=f"GET {path}")

    def count(self, path: str) -> int:
        """How many records the list has."""
        return self.one(f"{path}/count", Count).count

    def all(
        self,
        path: str,
        model: type[IdentifiedT],
        params: Mapping[str, str] | None = None,
        *,
        wanted: Callable[[Mapping[str, object]], bool] = lambda _record: True,
    ) -> Iterator[IdentifiedT]:
        """The list's records that are ``wanted`` as ConnectWise sends them; of the others only the id is read."""
        for record in read_pages(self._http, path, params=params or {}):
            if wanted(record):
                yield read_record(record, model, endpoint=f"GET {path}")

    def first_found(
        self, path: str, model: type[IdentifiedT], queries: Iterable[Mapping[str, str]]
    ) -> Iterator[IdentifiedT]:
        """What the first of these queries finds that finds anything."""
        for params in queries:
            found = False
            for record in self.all(path, model, params):
                found = True
                yield record
            if found:
                return

    def readable(self, path: str, model: type[IdentifiedT]) -> Iterator[IdentifiedT]:
        """The list's records, without those that cannot be read: where nothing is known of a record but its absence."""
        for record in read_pages(self._http, path, params={}):
            with suppress(ContractBroken):
                yield read_record(record, model, endpoint=f"GET {path}")

    def by_reference(
        self, path: str, model: type[IdentifiedT], field: str, ids: Iterable[int]
    ) -> Iterator[IdentifiedT]:
        """The list's records in whose ``field`` is one of these ids, in as many requests as that takes."""
        wanted = frozenset(ids)
        if not wanted:
            return
        for condition in id_conditions(field, wanted, room=self._room(path)):
            yield from self.all(path, model, {"conditions": condition})

    def by_ids(self, path: str, model: type[IdentifiedT], ids: Iterable[int]) -> Iterator[IdentifiedT]:
        """The records with these ids. One that the list lacks is asked for by itself: lists are known to lag."""
        absent = set(ids)
        for record in self.by_reference(path, model, "id", absent):
            absent.discard(record.id)
            yield record
        for number in sorted(absent):
            with suppress(NotFound):
                yield self.one(f"{path}/{number}", model)

    def can_be_asked(self, path: str, condition: str) -> bool:
        """Whether the address of the list has room for the condition."""
        return fits(condition, room=self._room(path))

    def write(
        self,
        method: Method,
        path: str,
        body: object,
        model: type[RecordT],
        *,
        before_sending: Callable[[], None] | None = None,
    ) -> RecordT:
        """Send a write; an answer that does not show what was written leaves open whether it was.

        Raises:
            UncertainWrite: Nobody knows whether it was carried out.
        """
        document = self._http.request(method, path, body=body, before_sending=before_sending).document
        try:
            return read_record(document, model, endpoint=f"{method} {path}")
        except ContractBroken as broken:
            raise UncertainWrite(
                f"{broken} ConnectWise answered as if the write had worked; read back what it has now.",
                method=method,
                path=path,
            ) from broken

    def _room(self, path: str) -> int:
        return room_for_conditions(self._http.url(path))
