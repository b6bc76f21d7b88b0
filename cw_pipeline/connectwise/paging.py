"""Reading a whole list, page by page.

ConnectWise pages in two ways. Forward-only ("the records whose id is greater than `pageId`") misses nothing while
records come and go, but not every list takes it; a list that does not answers without a `Link` header that carries a
`pageId`, and is then read in pages ordered by id.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias, TypeVar, cast
from urllib.parse import parse_qs

from requests.utils import parse_header_links

from cw_pipeline.connectwise.errors import ContractBroken
from cw_pipeline.connectwise.models import Identified
from cw_pipeline.connectwise.replies import read_list, read_record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from cw_pipeline.connectwise.http import Http

RecordT = TypeVar("RecordT", bound=Identified)
_Raw: TypeAlias = tuple[int, object]
"""A record's id, and the record as it came."""

PAGE_SIZE = 1_000  # the most that ConnectWise gives
MOST_PAGES = 10_000
MOST_RECORDS = 250_000  # many more than any list here has; what a caller keeps of them fits into memory
_FORWARD_ONLY = {"pagination-type": "forward-only"}


def read_pages(
    http: Http,
    path: str,
    model: type[RecordT],
    *,
    params: Mapping[str, str],
    wanted: Callable[[Mapping[str, object]], bool] = lambda _record: True,
) -> Iterator[RecordT]:
    """Yield every ``wanted`` record of a list once; of the others only the id is read.

    Only numbers are taken from the links, never their host, so that credentials stay with the site.

    Raises:
        ContractBroken: Pages repeat or do not end, or a record is not what is promised.
        ConnectWiseError: As `Http.request`.
    """
    seen: set[int] = set()
    query = {**params, "pageSize": str(PAGE_SIZE)}
    reply = http.request("GET", path, params=query, headers=_FORWARD_ONLY)
    records = _records(reply.document, path)
    following = _next_number(reply.link, "pageId")
    whole = reply.link is None and len(records) < PAGE_SIZE
    if following is None and not whole and (reply.link is None or _next_number(reply.link, "page") is not None):
        for records in _numbered_pages(http, path, params=query):
            yield from _read(_new(records, seen, path), model, wanted, path)
        return
    for _ in range(MOST_PAGES):
        yield from _read(_new(records, seen, path), model, wanted, path)
        if following is None or not records:
            return
        reply = http.request("GET", path, params={**query, "pageId": str(following)}, headers=_FORWARD_ONLY)
        records = _records(reply.document, path)
        following = _forward(following, _next_number(reply.link, "pageId"), path)
    raise _endless(path)


def _numbered_pages(http: Http, path: str, *, params: Mapping[str, str]) -> Iterator[list[_Raw]]:
    page: int | None = 1
    for _ in range(MOST_PAGES):
        reply = http.request("GET", path, params={**params, "page": str(page), "orderBy": "id asc"})
        records = _records(reply.document, path)
        yield records
        if reply.link is None:
            page = page + 1 if len(records) >= PAGE_SIZE else None
        else:
            page = _forward(page, _next_number(reply.link, "page"), path)
        if page is None:
            return
    raise _endless(path)


def _records(document: object, path: str) -> list[_Raw]:
    endpoint = f"GET {path}"
    listed = read_list(document, endpoint=endpoint)
    if len(listed) > PAGE_SIZE:
        raise ContractBroken(
            f"{endpoint} answered with {len(listed)} records on a page, where {PAGE_SIZE} were asked for. "
            "Nothing of this reply was used."
        )
    return [(read_record(one, Identified, endpoint=endpoint).id, one) for one in listed]


def _new(records: list[_Raw], seen: set[int], path: str) -> Iterator[object]:
    for number, record in records:
        if number in seen:
            raise _repeats(path, f"record {number} came twice")
        if len(seen) >= MOST_RECORDS:
            raise _endless(path)
        seen.add(number)
        yield record


def _read(
    records: Iterator[object], model: type[RecordT], wanted: Callable[[Mapping[str, object]], bool], path: str
) -> Iterator[RecordT]:
    for record in records:
        if wanted(cast("Mapping[str, object]", record)):
            yield read_record(record, model, endpoint=f"GET {path}")


def _forward(current: int, following: int | None, path: str) -> int | None:
    if following is not None and following <= current:
        raise _repeats(path, f"after page {current} it points to page {following}")
    return following


def _repeats(path: str, how: str) -> ContractBroken:
    return ContractBroken(
        f"The pages of GET {path} go in a circle: {how}. Nothing of the list can be relied on; try again."
    )


def _endless(path: str) -> ContractBroken:
    return ContractBroken(
        f"GET {path} does not end after {MOST_PAGES} pages or {MOST_RECORDS} records. Nothing of the list was used."
    )


def _next_number(link: str | None, name: str) -> int | None:
    """The number that the `next` link of a Link header carries under this name."""
    for one in parse_header_links(link or ""):
        if one.get("rel") == "next":
            values = parse_qs(one["url"].partition("?")[2]).get(name, [])
            if values and re.fullmatch(r"[0-9]{1,18}", values[0]):
                return int(values[0])
    return None
