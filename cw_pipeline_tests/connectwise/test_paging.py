"""Whole lists, whichever way of paging a list takes, and however its links are written."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
import responses

from cw_pipeline.connectwise import paging
from cw_pipeline.connectwise.errors import ContractBroken
from cw_pipeline_tests.connectwise.conftest import API, api_calls

if TYPE_CHECKING:
    from collections.abc import Callable

    from requests import PreparedRequest

    from cw_pipeline.connectwise.client import ConnectWiseClient

TYPES = f"{API}/company/companies/types"
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


def ids(client: ConnectWiseClient) -> list[int]:
    return [one.id for one in client.company_types()]


@pytest.fixture(autouse=True)
def _pages_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "PAGE_SIZE", 2)


def test_forward_only_follows_the_page_id_until_there_is_none(
    site: responses.RequestsMock, client: ConnectWiseClient
) -> None:
    pages = {None: ((1, 2), "2"), "2": ((5, 9), "9"), "9": ((11,), None)}

    def answer(asked: dict[str, str], forward: bool) -> tuple[str, str | None]:  # noqa: FBT001  (a callback)
        assert forward
        assert "orderBy" not in asked
        assert "page" not in asked
        numbers, following = pages[asked.get("pageId")]
        return rows(*numbers), f'<{TYPES}?pagesize=2&pageId={following}>; rel="next"' if following else ""

    serve(site, answer)
    assert ids(client) == [1, 2, 5, 9, 11]
    assert len(api_calls(site)) == 3


def test_forward_only_ends_at_an_empty_page_too(site: responses.RequestsMock, client: ConnectWiseClient) -> None:
    def answer(asked: dict[str, str], forward: bool) -> tuple[str, str | None]:  # noqa: ARG001, FBT001  (a callback)
        return (
            (rows(), f'<{TYPES}?pageId=7>; rel="next"')
            if "pageId" in asked
            else (rows(4), f'<{TYPES}?pageId=4>; rel="next"')
        )

    serve(site, answer)
    assert ids(client) == [4]


def test_a_short_list_without_a_link_takes_one_request(site: responses.RequestsMock, client: ConnectWiseClient) -> None:
    serve(site, lambda _asked, _forward: (rows(3), None))
    assert ids(client) == [3]
    assert len(api_calls(site)) == 1


def test_a_list_that_ignores_forward_only_is_read_in_pages_ordered_by_id(
    site: responses.RequestsMock, client: ConnectWiseClient
) -> None:
    def answer(asked: dict[str, str], forward: bool) -> tuple[str, str | None]:  # noqa: FBT001  (a callback)
        if forward:
            return rows(9, 5), f'<{TYPES}?pageSize=2&page=2>; rel="next", <{TYPES}?pageSize=2&page=3>; rel="last"'
        assert asked["orderBy"] == "id asc"
        following = f'<{TYPES}?page={int(asked["page"]) + 1}&pageSize=2>; rel="next", ' if asked["page"] != "3" else ""
        numbers = {"1": (1, 2), "2": (5, 9), "3": (11,)}[asked["page"]]
        return rows(*numbers), following + f'<{TYPES}?page=1&pageSize=2>; rel="first"'

    serve(site, answer)
    assert ids(client) == [1, 2, 5, 9, 11]


def test_full_pages_without_any_link_are_read_until_a_short_one(
    site: responses.RequestsMock, client: ConnectWiseClient
) -> None:
    def answer(asked: dict[str, str], forward: bool) -> tuple[str, str | None]:  # noqa: FBT001  (a callback)
        return rows(*({"1": (1, 2), "2": (3, 4), "3": ()}[asked["page"]] if not forward else (1, 2))), None

    serve(site, answer)
    assert ids(client) == [1, 2, 3, 4]


def test_a_link_whose_conditions_hold_commas_is_read(site: responses.RequestsMock, client: ConnectWiseClient) -> None:
    def answer(asked: dict[str, str], forward: bool) -> tuple[str, str | None]:  # noqa: ARG001, FBT001  (a callback)
        link = f'<{TYPES}?conditions=id in (1,2,3)&pageId=2&pagesize=2>; rel="next"'
        return (rows(3), "") if asked.get("pageId") == "2" else (rows(1, 2), link)

    serve(site, answer)
    assert ids(client) == [1, 2, 3]


def test_only_numbers_are_taken_from_a_link_and_never_its_host(
    site: responses.RequestsMock, client: ConnectWiseClient
) -> None:
    def answer(asked: dict[str, str], forward: bool) -> tuple[str, str | None]:  # noqa: ARG001, FBT001  (a callback)
        return (rows(3), "") if "pageId" in asked else (rows(1), '<https://evil.example.com/?pageId=1>; rel="next"')

    serve(site, answer)
    assert ids(client) == [1, 3]
    assert {urlsplit(call.request.url or "").hostname for call in site.calls} == {"psa.example.com"}


@pytest.mark.parametrize("following", ["2", "1"])
def test_a_page_id_that_does_not_advance_is_an_error_and_not_an_endless_list(
    site: responses.RequestsMock, client: ConnectWiseClient, following: str
) -> None:
    def answer(asked: dict[str, str], forward: bool) -> tuple[str, str | None]:  # noqa: ARG001, FBT001  (a callback)
        if "pageId" in asked:
            return rows(3), f'<{TYPES}?pageId={following}>; rel="next"'
        return rows(1, 2), f'<{TYPES}?pageId=2>; rel="next"'

    serve(site, answer)
    with pytest.raises(ContractBroken, match="circle"):
        ids(client)


def test_a_server_that_gives_the_same_page_for_ever_is_an_error(
    site: responses.RequestsMock, client: ConnectWiseClient
) -> None:
    serve(site, lambda _asked, _forward: (rows(1, 2), None))
    with pytest.raises(ContractBroken, match="record 1 came twice"):
        ids(client)


def test_a_list_is_read_no_further_than_it_is_used(site: responses.RequestsMock, client: ConnectWiseClient) -> None:
    serve(site, lambda _asked, _forward: (rows(1, 2), f'<{TYPES}?pageId=2>; rel="next"'))
    assert next(client.company_types()).id == 1
    assert len(api_calls(site)) == 1


@pytest.mark.parametrize(
    "link", ["nonsense", "<>", '<https://x/?pageId=abc>; rel="next"', ";;,,", '<http://[>; rel="prev"']
)
def test_a_link_that_cannot_be_read_ends_a_short_list(
    site: responses.RequestsMock, client: ConnectWiseClient, link: str
) -> None:
    serve(site, lambda _asked, _forward: (rows(1), link))
    assert ids(client) == [1]
