"""Reading a whole list, page by page.

The first page is asked for by its number, in the order of the ids: a list that fits on it takes one request, whatever
way of paging the site knows. What follows is asked for forward-only ("the records whose id is greater than `pageId`"),
which misses nothing while records come and go. A list that does not take that answers with its first page again, and is
read on by page numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count, pairwise
from typing import TYPE_CHECKING, TypeAlias, cast

from requests.utils import parse_header_links

from cw_pipeline.connectwise.errors import ContractBroken, RecordUnreadable
from cw_pipeline.connectwise.models import Identified
from cw_pipeline.connectwise.replies import read_list, read_record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cw_pipeline.connectwise.http import Http

_Raw: TypeAlias = "Mapping[str, object]"

PAGE_SIZE = 1_000  # the most that ConnectWise gives
MOST_PAGES = 10_000
MOST_RECORDS = 250_000  # many more than any list here has; what a caller keeps of them fits into memory
_FORWARD_ONLY = {"pagination-type": "forward-only"}


@dataclass(frozen=True)
class _Page:
    """The records of a page as they came, their ids, and whether a link or the page's length says that more follow.

    Apart from them, what is wrong with those that have no readable id.
    """

    ids: list[int]
    records: list[_Raw]
    more: bool
    nameless: list[RecordUnreadable]

    def is_after(self, *last: int) -> bool:
        """Whether the ids ascend, from beyond the last one where there is one."""
        return all(one < following for one, following in pairwise([*last, *self.ids]))


def read_pages(
    http: Http, path: str, *, params: Mapping[str, str], nameless: list[RecordUnreadable] | None = None
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
    for number, page in enumerate(_pages(http, path, {**params, "pageSize": str(PAGE_SIZE)})):
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


def _pages(http: Http, path: str, query: Mapping[str, str]) -> Iterator[_Page]:
    first = _numbered_page(http, path, query, 1)
    yield first
    if not first.more:
        return
    if first.ids and first.is_after():
        second = _page_after(http, path, query, first)
        if second.is_after(first.ids[-1]):
            yield from _forward_pages(http, path, query, second)
            return
    for number in count(2):
        page = _numbered_page(http, path, query, number)
        yield page
        if not page.more:
            return


def _forward_pages(http: Http, path: str, query: Mapping[str, str], page: _Page) -> Iterator[_Page]:
    """This page and those after it. The last one is empty; a short one may be all that the site gives at a time."""
    while page.ids:
        yield page
        following = _page_after(http, path, query, page)
        if not following.is_after(page.ids[-1]):
            raise _repeats(path, f"after record {page.ids[-1]} comes record {following.ids[0]}")
        page = following


def _numbered_page(http: Http, path: str, query: Mapping[str, str], number: int) -> _Page:
    return _page(http, path, {**query, "page": str(number), "orderBy": "id asc"})


def _page_after(http: Http, path: str, query: Mapping[str, str], page: _Page) -> _Page:
    return _page(http, path, {**query, "pageId": str(page.ids[-1])}, _FORWARD_ONLY)


def _page(http: Http, path: str, query: Mapping[str, str], headers: Mapping[str, str] | None = None) -> _Page:
    endpoint = f"GET {path}"
    reply = http.request("GET", path, params=query, headers=headers or {})
    listed = read_list(reply.document, endpoint=endpoint)
    if len(listed) > PAGE_SIZE:
        raise ContractBroken(
            f"{endpoint} answered with {len(listed)} records on a page, where {PAGE_SIZE} were asked for. "
            "Nothing of this reply was used."
        )
    ids: list[int] = []
    records: list[_Raw] = []
    nameless: list[RecordUnreadable] = []
    for one in listed:
        try:
            ids.append(read_record(one, Identified, endpoint=endpoint).id)
            records.append(cast("_Raw", one))
        except RecordUnreadable as error:
            nameless.append(error)
    more = len(listed) == PAGE_SIZE or (bool(listed) and _has_next(reply.link))
    return _Page(ids, records, more, nameless)


def _has_next(link: str | None) -> bool:
    return any(one.get("rel") == "next" for one in parse_header_links(link or ""))


def _repeats(path: str, how: str) -> ContractBroken:
    return ContractBroken(
        f"The pages of GET {path} go in a circle: {how}. Nothing of the list can be relied on; try again."
    )


def _endless(path: str) -> ContractBroken:
    return ContractBroken(
        f"GET {path} does not end after {MOST_PAGES} pages or {MOST_RECORDS} records. Nothing of the list was used."
    )
