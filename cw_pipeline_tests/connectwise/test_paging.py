"""Whole lists, whichever way of paging a list takes, and however its links are written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
import responses

from cw_pipeline.connectwise import paging
from cw_pipeline.connectwise.errors import ContractBroken
from cw_pipeline_tests.connectwise.conftest import API, api_calls

if TYPE_CHECKING:
    from requests import PreparedRequest

    from cw_pipeline.connectwise.client import ConnectWiseClient

TYPES = f"{API}/company/companies/types"
NEXT = f'<{TYPES}?page=2>; rel="next"'
Answer = tuple[int, dict[str, str], str]


def rows(*numbers: int) -> str:
    return "[" + ",".join(f'{{"id": {number}, "name": "type {number}"}}' for number in numbers) + "]"


def query(request: PreparedRequest) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(request.url or "").query).items()}


def serve(site: responses.RequestsMock, answer: Callable[[dict[str, str], bool], tuple[str, str | None]]) -> None:
    """Answer the list of types: from the query and whether forward-only is asked for, to rows and a Link header."""

    def callback(request: PreparedRequest) -> Answer:
        body, link = answer(query(request), request.headers.get("pagination-type") == "forward-only")
        return 200, ({} if link is None else {"Link": link}), body

    site.add_callback(responses.GET, TYPES, callback)


@dataclass
class Listing:
    """The list of types as ConnectWise documents it.

    Attributes:
        numbers: The ids that it has, which a test may change between two pages.
        most: Rows that it gives at a time, however many are asked for.
        forward_only: Whether it knows forward-only paging.
        linked: Whether it sends Link headers.
        between: Called with each page's number, before the page is answered.
    """

    numbers: list[int]
    most: int = 2
    forward_only: bool = True
    linked: bool = True
    between: Callable[[int], object] = lambda _number: None
    asked: list[dict[str, str]] = field(default_factory=list[dict[str, str]])

    def __call__(self, asked: dict[str, str], forward: bool) -> tuple[str, str | None]:  # noqa: FBT001  (a callback)
        self.asked.append(asked)
        self.between(len(self.asked))
        size = min(self.most, int(asked["pageSize"]))
        if forward and self.forward_only:
            assert "orderBy" not in asked
            found = [number for number in sorted(self.numbers) if number > int(asked.get("pageId", "0"))][:size]
            link = f'<{TYPES}?pageSize={size}&pageId={found[-1] if found else 0}>; rel="next"'
            return rows(*found), link if self.linked else None
        ordered = sorted(self.numbers, reverse=asked.get("orderBy") != "id asc")
        begin = (int(asked.get("page", "1")) - 1) * size
        found = ordered[begin : begin + size]
        link = f'<{TYPES}?page={begin // size + 2}>; rel="next", ' if begin + size < len(ordered) else ""
        return rows(*found), link + f'<{TYPES}?page=1>; rel="first"' if self.linked else None


def ids(client: ConnectWiseClient) -> list[int]:
    return [record.id for record in client.company_types()]


@pytest.fixture(autouse=True)
def _pages_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "PAGE_SIZE", 2)


@pytest.mark.parametrize("forward_only", [True, False])
@pytest.mark.parametrize("linked", [True, False])
@pytest.mark.parametrize("numbers", [[], [3]])
def test_a_list_shorter_than_a_page_takes_one_request(
    site: responses.RequestsMock,
    client: ConnectWiseClient,
    numbers: list[int],
    linked: bool,  # noqa: FBT001  (a parameter)
    forward_only: bool,  # noqa: FBT001  (a parameter)
) -> None:
    listing = Listing(numbers, forward_only=forward_only, linked=linked)
    serve(site, listing)
    assert ids(client) == numbers
    assert listing.asked == [{"page": "1", "pageSize": "2", "orderBy": "id asc"}]


@pytest.mark.parametrize("forward_only", [True, False])
@pytest.mark.parametrize("linked", [True, False])
@pytest.mark.parametrize("numbers", [[1, 2], [1, 2, 5], [1, 2, 5, 9], [11, 9, 5, 2, 1]])
def test_a_longer_list_is_read_to_its_end(
    site: responses.RequestsMock,
    client: ConnectWiseClient,
    numbers: list[int],
    linked: bool,  # noqa: FBT001  (a parameter)
    forward_only: bool,  # noqa: FBT001  (a parameter)
) -> None:
    serve(site, Listing(numbers, forward_only=forward_only, linked=linked))
    assert ids(client) == sorted(numbers)


@pytest.mark.parametrize("forward_only", [True, False])
def test_short_pages_are_read_to_the_end(
    site: responses.RequestsMock,
    client: ConnectWiseClient,
    monkeypatch: pytest.MonkeyPatch,
    forward_only: bool,  # noqa: FBT001  (a parameter)
) -> None:
    monkeypatch.setattr(paging, "PAGE_SIZE", 3)
    serve(site, Listing([1, 2, 5, 9, 11], forward_only=forward_only))
    assert ids(client) == [1, 2, 5, 9, 11]


def test_nothing_is_missed_while_records_come_and_go(site: responses.RequestsMock, client: ConnectWiseClient) -> None:
    listing = Listing([1, 2, 5, 9, 11, 12])
    changes = {2: lambda: listing.numbers.remove(1), 3: lambda: (listing.numbers.remove(5), listing.numbers.append(20))}
    listing.between = lambda number: changes.get(number, lambda: None)()
    serve(site, listing)
    assert ids(client) == [1, 2, 5, 9, 11, 12, 20]


def test_a_first_page_out_of_order_is_followed_by_page_numbers(
    site: responses.RequestsMock, client: ConnectWiseClient
) -> None:
    def answer(asked: dict[str, str], forward: bool) -> tuple[str, str | None]:  # noqa: FBT001  (a callback)
        assert not forward
        return (rows(9, 5), NEXT) if asked["page"] == "1" else (rows(2), None)

    serve(site, answer)
    assert ids(client) == [9, 5, 2]


def test_a_much_shorter_page_is_the_last_whatever_it_links_to(
    site: responses.RequestsMock, client: ConnectWiseClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "PAGE_SIZE", 5)
    pages = iter([rows(1, 2, 3), rows(), rows(1), rows(1, 2), rows()])
    serve(site, lambda _asked, _forward: (next(pages), NEXT))
    assert ids(client) == [1, 2, 3]
    assert ids(client) == [1]
    assert ids(client) == [1, 2]
    assert len(api_calls(site)) == 5


def test_a_link_whose_conditions_hold_commas_is_read(site: responses.RequestsMock, client: ConnectWiseClient) -> None:
    def answer(asked: dict[str, str], forward: bool) -> tuple[str, str | None]:  # noqa: ARG001, FBT001  (a callback)
        link = f'<{TYPES}?conditions=id in (1,2,3)&page=2&pagesize=1>; rel="next"'
        return {None: (rows(1), link), "1": (rows(3), link), "3": (rows(), link)}[asked.get("pageId")]

    serve(site, answer)
    assert ids(client) == [1, 3]


def test_a_link_is_not_followed_to_its_host(site: responses.RequestsMock, client: ConnectWiseClient) -> None:
    def answer(asked: dict[str, str], forward: bool) -> tuple[str, str | None]:  # noqa: ARG001, FBT001  (a callback)
        following = {None: rows(1), "1": rows(3), "3": rows()}[asked.get("pageId")]
        return following, '<https://evil.example.com/?pageId=1>; rel="next"'

    serve(site, answer)
    assert ids(client) == [1, 3]
    assert {urlsplit(call.request.url or "").hostname for call in site.calls} == {"psa.example.com"}


def test_a_forward_page_that_does_not_advance_is_an_error(
    site: responses.RequestsMock, client: ConnectWiseClient
) -> None:
    pages = {None: rows(1, 2), "2": rows(5, 9), "9": rows(5, 9)}
    serve(site, lambda asked, _forward: (pages[asked.get("pageId")], NEXT))
    with pytest.raises(ContractBroken, match="circle: after record 9 comes record 5"):
        ids(client)


def test_a_list_that_repeats_its_page_forever_is_an_error(
    site: responses.RequestsMock, client: ConnectWiseClient
) -> None:
    serve(site, lambda _asked, _forward: (rows(1, 2), None))
    with pytest.raises(ContractBroken, match="record 1 came twice"):
        ids(client)


def test_a_list_is_read_no_further_than_it_is_used(site: responses.RequestsMock, client: ConnectWiseClient) -> None:
    serve(site, lambda _asked, _forward: (rows(1, 2), NEXT))
    assert next(client.company_types()).id == 1
    assert len(api_calls(site)) == 1


@pytest.mark.parametrize("link", ["nonsense", "<>", ";;,,", '<http://[>; rel="prev"', f'<{TYPES}?page=7>; rel="first"'])
def test_a_link_that_names_no_next_page_ends_a_short_list(
    site: responses.RequestsMock, client: ConnectWiseClient, link: str
) -> None:
    serve(site, lambda _asked, _forward: (rows(1), link))
    assert ids(client) == [1]


def test_a_list_of_more_pages_than_any_has_is_an_error(
    site: responses.RequestsMock, client: ConnectWiseClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "MOST_PAGES", 3)
    serve(site, lambda asked, _forward: (rows(int(asked.get("pageId", "0")) + 1), NEXT))
    with pytest.raises(ContractBroken, match="does not end after 3 pages"):
        ids(client)
