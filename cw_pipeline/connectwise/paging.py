"""Reading a whole list, page by page.

The first page is asked for by its number, in the order of the ids: a list that fits on it takes one request, whatever
way of paging the site knows. What follows is asked for forward-only ("the records whose id is greater than `pageId`"),
which misses nothing while records come and go. A list that does not take that answers with its first page again, and is
read on by page numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count, pairwise
from typing import TYPE_CHECKING, TypeAlias, cast

from pydantic import TypeAdapter, ValidationError
from requests.utils import parse_header_links

from cw_pipeline.connectwise.errors import ContractBroken, RecordUnreadable
from cw_pipeline.connectwise.models import Identified
from cw_pipeline.connectwise.replies import read_list, read_record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cw_pipeline.connectwise.http import Http

_Raw: TypeAlias = "Mapping[str, object]"

PAGE_SIZE = 1_000  # the most that ConnectWise gives
DEFAULT_PAGE_SIZE = 25  # what it gives where nothing is asked
MOST_PAGES = 10_000
MOST_RECORDS = 250_000  # many more than any list here has; what a caller keeps of them fits into memory
_IDENTIFIED = TypeAdapter(list[Identified])
_FORWARD_ONLY = {"pagination-type": "forward-only"}


@dataclass(frozen=True)
class _Page:
    """The records of a page as they came, their ids, and whether a link says that more follow.

    Apart from them, what is wrong with those that have no readable id.
    """

    ids: list[int]
    records: list[_Raw]
    linked: bool
    nameless: list[RecordUnreadable] = field(default_factory=list[RecordUnreadable])

    @property
    def length(self) -> int:
        """How many records it has, readable or not."""
        return len(self.ids) + len(self.nameless)

    def is_after(self, *last: int) -> bool:
        """Whether the ids ascend, from beyond the last one where there is one."""
        return all(one < following for one, following in pairwise([*last, *self.ids]))


class Pages:
    """Reads the lists of one site, and learns how long its pages are."""

    def __init__(self, http: Http) -> None:
        self._http = http
        self._longest = 0
        """The most records that a page of this site had."""

    def read(
        self, path: str, *, params: Mapping[str, str], nameless: list[RecordUnreadable] | None = None
    ) -> Iterator[_Raw]:
        """Yield every record of a list once, as it came; only its id is sure to be readable.

        Nothing of a link is followed, so that credentials stay with the site. What is wrong with records that have no
        readable id is added to `nameless`.

        Raises:
            RecordUnreadable: A record has no readable id, and `nameless` is not given.
            ContractBroken: Pages repeat or do not end, or are no lists of records with ids.
            ConnectWiseError: As `Http.request`.
        """
        seen: set[int] = set()
        for number, page in enumerate(self._pages(path, {**params, "pageSize": str(PAGE_SIZE)})):
            if number >= MOST_PAGES:
                raise _endless(path)
            if page.nameless and nameless is None:
                raise page.nameless[0]
            if nameless is not None:
                nameless += page.nameless
            for record_id, record in zip(page.ids, page.records, strict=True):
                if record_id in seen:
                    raise _repeats(path, f"record {record_id} came twice")
                if len(seen) >= MOST_RECORDS:
                    raise _endless(path)
                seen.add(record_id)
                yield record

    def _pages(self, path: str, query: Mapping[str, str]) -> Iterator[_Page]:
        first = self._numbered_page(path, query, 1)
        yield first
        if not self._names_another(first):
            return
        if first.ids and first.is_after():
            second = self._page_after(path, query, first)
            if second.is_after(first.ids[-1]):
                yield from self._forward_pages(path, query, second)
                return
        for number in count(2):
            page = self._numbered_page(path, query, number)
            yield page
            if not self._names_another(page):
                return

    def _forward_pages(self, path: str, query: Mapping[str, str], page: _Page) -> Iterator[_Page]:
        """This page and those after it, each of which names another one, also where there is none."""
        while page.ids:
            yield page
            if self._is_last(page):
                return
            following = self._page_after(path, query, page)
            if not following.is_after(page.ids[-1]):
                raise _repeats(path, f"after record {page.ids[-1]} comes record {following.ids[0]}")
            page = following

    def _names_another(self, page: _Page) -> bool:
        return page.length == PAGE_SIZE or (page.linked and not self._is_last(page))

    def _is_last(self, page: _Page) -> bool:
        """Whether nothing follows a page, whatever it links to: it is so short that no limit of the site cut it.

        Some sites link every page that has records to another one, which may be empty, and give fewer records at a time
        than they are asked for. No list's limit is below what ConnectWise gives where nothing is asked; and other pages
        of the site were more than twice as long.
        """
        return page.length == 0 or (page.length < DEFAULT_PAGE_SIZE and 2 * page.length < self._longest)

    def _numbered_page(self, path: str, query: Mapping[str, str], number: int) -> _Page:
        return self._page(path, {**query, "page": str(number), "orderBy": "id asc"})

    def _page_after(self, path: str, query: Mapping[str, str], page: _Page) -> _Page:
        return self._page(path, {**query, "pageId": str(page.ids[-1])}, _FORWARD_ONLY)

    def _page(self, path: str, query: Mapping[str, str], headers: Mapping[str, str] | None = None) -> _Page:
        endpoint = f"GET {path}"
        reply = self._http.request("GET", path, params=query, headers=headers or {})
        listed = read_list(reply.document, endpoint=endpoint)
        if len(listed) > PAGE_SIZE:
            raise ContractBroken(
                f"{endpoint} returned {len(listed)} records on a page, where {PAGE_SIZE} were asked for. "
                "Nothing of this reply was used."
            )
        self._longest = max(self._longest, len(listed))
        linked = any(one.get("rel") == "next" for one in parse_header_links(reply.link or ""))
        try:
            return _Page([one.id for one in _IDENTIFIED.validate_python(listed)], cast("list[_Raw]", listed), linked)
        except ValidationError:
            return _page_with_nameless(listed, linked=linked, endpoint=endpoint)


def _page_with_nameless(listed: list[object], *, linked: bool, endpoint: str) -> _Page:
    """A page some of whose records have no readable id."""
    page = _Page([], [], linked)
    for one in listed:
        try:
            page.ids.append(read_record(one, Identified, endpoint=endpoint).id)
            page.records.append(cast("_Raw", one))
        except RecordUnreadable as error:
            page.nameless.append(error)
    return page


def _repeats(path: str, how: str) -> ContractBroken:
    return ContractBroken(
        f"The pages of GET {path} go in a circle: {how}. Nothing of the list can be relied on; try again."
    )


def _endless(path: str) -> ContractBroken:
    return ContractBroken(
        f"GET {path} does not end after {MOST_PAGES} pages or {MOST_RECORDS} records. Nothing of the list was used."
    )
