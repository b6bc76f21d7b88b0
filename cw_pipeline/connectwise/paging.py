"""Reading a whole list, page by page.

The first page is requested by its number, in the order of the ids, so a list that fits on it takes one request whatever
paging the site knows. The rest is requested forward-only (records whose id is greater than `pageId`), which misses
nothing while records come and go. A list that does not know forward-only paging answers with its first page again; its
other pages are requested by number.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count, pairwise
from typing import TYPE_CHECKING, TypeAlias, cast

from requests.utils import parse_header_links

from cw_pipeline.connectwise.errors import ContractBroken, RecordUnreadable
from cw_pipeline.connectwise.models import Identified
from cw_pipeline.connectwise.replies import read_record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cw_pipeline.connectwise.http import Http

_Raw: TypeAlias = "Mapping[str, object]"

PAGE_SIZE = 1_000  # ConnectWise's maximum
DEFAULT_PAGE_SIZE = 25  # ConnectWise's default
MOST_PAGES = 10_000
MOST_RECORDS = 250_000  # many more than any list here has; what a caller keeps of them fits into memory
_FORWARD_ONLY = {"pagination-type": "forward-only"}


@dataclass(frozen=True)
class _Page:
    """A page as it came.

    Attributes:
        linked: Whether the reply links to a next page.
        ids: Of `records`, in the same order.
        records: Those with a readable id.
        nameless: What is wrong with the others.
    """

    linked: bool
    ids: list[int] = field(default_factory=list[int])
    records: list[_Raw] = field(default_factory=list[_Raw])
    nameless: list[RecordUnreadable] = field(default_factory=list[RecordUnreadable])

    @property
    def length(self) -> int:
        """The number of all its records."""
        return len(self.ids) + len(self.nameless)

    def is_after(self, *last: int) -> bool:
        """Whether the ids ascend, starting above `last` if it is given."""
        return all(earlier < later for earlier, later in pairwise([*last, *self.ids]))


class Pages:
    """Reads the lists of a site, and learns how long its pages are."""

    def __init__(self, http: Http) -> None:
        self._http = http
        self._longest = 0

    def read(
        self, path: str, *, params: Mapping[str, str], nameless: list[RecordUnreadable] | None = None
    ) -> Iterator[_Raw]:
        """Yield every record once, as it came; only its id has been checked.

        No link is followed, so that credentials stay with the site.

        Args:
            path: The list's.
            params: Conditions of the list.
            nameless: Collects what is wrong with records that have no readable id.

        Raises:
            RecordUnreadable: A record has no readable id, and `nameless` is None.
            ContractBroken: Pages repeat, do not end, or are no lists.
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
        if not self._is_followed(first):
            return
        if first.ids and first.is_after():
            second = self._page_after(path, query, first)
            if second.is_after(first.ids[-1]):
                yield from self._forward_pages(path, query, second)
                return
        for number in count(2):
            page = self._numbered_page(path, query, number)
            yield page
            if not self._is_followed(page):
                return

    def _forward_pages(self, path: str, query: Mapping[str, str], page: _Page) -> Iterator[_Page]:
        """This page and those after it; each links to a next one, even the last."""
        while page.ids:
            yield page
            if self._is_last(page):
                return
            following = self._page_after(path, query, page)
            if not following.is_after(page.ids[-1]):
                raise _repeats(path, f"after record {page.ids[-1]} comes record {following.ids[0]}")
            page = following

    def _is_followed(self, page: _Page) -> bool:
        return page.length == PAGE_SIZE or (page.linked and not self._is_last(page))

    def _is_last(self, page: _Page) -> bool:
        """Whether nothing follows a page, whatever it links to, because no limit of the site can have cut it so short.

        Some sites link every page with records to a next one, which may be empty, and return fewer records than
        requested. But no limit is below ConnectWise's default, or below half of the site's longest page.
        """
        return page.length == 0 or (page.length < DEFAULT_PAGE_SIZE and 2 * page.length < self._longest)

    def _numbered_page(self, path: str, query: Mapping[str, str], number: int) -> _Page:
        return self._page(path, {**query, "page": str(number), "orderBy": "id asc"})

    def _page_after(self, path: str, query: Mapping[str, str], page: _Page) -> _Page:
        return self._page(path, {**query, "pageId": str(page.ids[-1])}, _FORWARD_ONLY)

    def _page(self, path: str, query: Mapping[str, str], headers: Mapping[str, str] | None = None) -> _Page:
        endpoint = f"GET {path}"
        reply = self._http.request("GET", path, params=query, headers=headers or {})
        if not isinstance(reply.document, list):
            raise ContractBroken(
                f"{endpoint} answered with {type(reply.document).__name__} instead of a list of records. "
                "Nothing of this reply was used."
            )
        listed = cast("list[object]", reply.document)
        if len(listed) > PAGE_SIZE:
            raise ContractBroken(
                f"{endpoint} returned {len(listed)} records on a page, where {PAGE_SIZE} were asked for. "
                "Nothing of this reply was used."
            )
        self._longest = max(self._longest, len(listed))
        page = _Page(linked=any(link.get("rel") == "next" for link in parse_header_links(reply.link or "")))
        for record in listed:
            try:
                page.ids.append(read_record(record, Identified, endpoint=endpoint).id)
                page.records.append(cast("_Raw", record))
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
