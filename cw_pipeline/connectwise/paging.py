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


class PagedList:
    """A list of the site.

    Args:
        http: The site; it remembers how long its pages are.
        path: The list's.
        params: Conditions of the list.
    """

    def __init__(self, http: Http, path: str, params: Mapping[str, str]) -> None:
        self._http = http
        self._path = path
        self._query = {**params, "pageSize": str(PAGE_SIZE)}

    def read(self, nameless: list[RecordUnreadable] | None = None) -> Iterator[_Raw]:
        """Yield every record once, as it came; only its id has been checked.

        No link is followed, so that credentials stay with the site. `nameless` collects what is wrong with records that
        have no readable id.

        Raises:
            RecordUnreadable: A record has no readable id, and `nameless` is None.
            ContractBroken: Pages repeat, do not end, or are no lists.
            ConnectWiseError: As `Http.request`.
        """
        seen: set[int] = set()
        for number, page in enumerate(self._pages()):
            if page.nameless and nameless is None:
                raise page.nameless[0]
            if nameless is not None:
                nameless += page.nameless
            if number >= MOST_PAGES or len(seen) + len(page.ids) > MOST_RECORDS:
                raise ContractBroken(
                    f"GET {self._path} does not end after {MOST_PAGES} pages or {MOST_RECORDS} records. "
                    "Nothing of the list was used."
                )
            for record_id, record in zip(page.ids, page.records, strict=True):
                if record_id in seen:
                    raise self._circle(f"record {record_id} came twice")
                seen.add(record_id)
                yield record

    def _pages(self) -> Iterator[_Page]:
        first = self._numbered_page(1)
        yield first
        if not self._is_followed(first):
            return
        if first.ids and first.is_after():
            second = self._page_after(first)
            if second.is_after(first.ids[-1]):
                yield from self._forward_pages(second)
                return
        for number in count(2):
            page = self._numbered_page(number)
            yield page
            if not self._is_followed(page):
                return

    def _forward_pages(self, page: _Page) -> Iterator[_Page]:
        """This page and those after it; each links to a next one, even the last."""
        while page.ids:
            yield page
            if self._is_last(page):
                return
            following = self._page_after(page)
            if not following.is_after(page.ids[-1]):
                raise self._circle(f"after record {page.ids[-1]} comes record {following.ids[0]}")
            page = following

    def _is_followed(self, page: _Page) -> bool:
        return page.length == PAGE_SIZE or (page.linked and not self._is_last(page))

    def _is_last(self, page: _Page) -> bool:
        """Whether nothing follows a page, whatever it links to, because no limit of the site can have cut it so short.

        Some sites link every page with records to a next one, which may be empty, and return fewer records than
        requested. But no limit is below ConnectWise's default, or below half of the site's longest page.
        """
        return page.length == 0 or (page.length < DEFAULT_PAGE_SIZE and 2 * page.length < self._http.longest_page)

    def _numbered_page(self, number: int) -> _Page:
        return self._page({"page": str(number), "orderBy": "id asc"})

    def _page_after(self, page: _Page) -> _Page:
        return self._page({"pageId": str(page.ids[-1])}, {"pagination-type": "forward-only"})

    def _page(self, position: Mapping[str, str], headers: Mapping[str, str] | None = None) -> _Page:
        endpoint = f"GET {self._path}"
        reply = self._http.request("GET", self._path, params={**self._query, **position}, headers=headers)
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
        self._http.longest_page = max(self._http.longest_page, len(listed))
        page = _Page(linked=any(link.get("rel") == "next" for link in parse_header_links(reply.link or "")))
        for record in listed:
            try:
                page.ids.append(read_record(record, Identified, endpoint=endpoint).id)
                page.records.append(cast("_Raw", record))
            except RecordUnreadable as error:
                page.nameless.append(error)
        return page

    def _circle(self, how: str) -> ContractBroken:
        return ContractBroken(
            f"The pages of GET {self._path} go in a circle: {how}. Nothing of the list can be relied on; try again."
        )
