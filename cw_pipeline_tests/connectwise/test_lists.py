"""Lists of ConnectWise records: filtered, completed by id, and read in spite of bad records."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from responses.matchers import query_param_matcher

from cw_pipeline.connectwise.errors import ContractBroken, MissingRight
from cw_pipeline.connectwise.record_list import RecordList
from cw_pipeline_tests.connectwise.conftest import addition, api_calls, company
from cw_pipeline_tests.connectwise.endpoints import AGREEMENTS, COMPANIES, FIRST_PAGE, NOT_FOUND, agreement, query

if TYPE_CHECKING:
    from collections.abc import Callable

    import responses

    from cw_pipeline.connectwise.client import ConnectWiseClient


def test_companies_are_asked_for_by_type_and_status_and_filtered_again(
    site: responses.RequestsMock, client: ConnectWiseClient
) -> None:
    wanted = {"types": [{"id": 1}, {"id": 2}], "status": {"id": 5}}
    site.get(
        COMPANIES,
        json=[
            company(1, **wanted),
            company(2, **wanted | {"deletedFlag": True}),
            company(3, **wanted | {"types": [{"id": 9}]}),
            company(4, **wanted | {"types": None}),
            company(5, **wanted | {"status": {"id": 6}}),
            company(6, **wanted | {"status": None}),
            company(7, **wanted | {"deletedFlag": None}),
        ],
    )
    assert [record.id for record in client.companies(type_ids=[2, 3], status_ids=[5]).records] == [1, 7]
    assert query(site)["conditions"] == "deletedFlag = false and status/id in (5)"
    assert query(site)["childConditions"] == "types/id = 2 or types/id = 3"


@pytest.mark.parametrize("choice", [{"type_ids": [1]}, {"status_ids": [5]}, {"type_ids": [1], "status_ids": [5]}])
def test_a_filter_that_finds_nothing_is_applied_locally_too(
    site: responses.RequestsMock, client: ConnectWiseClient, choice: dict[str, list[int]]
) -> None:
    simple = {**FIRST_PAGE, "conditions": "deletedFlag = false"}
    site.get(COMPANIES, json=[])
    site.get(
        COMPANIES,
        match=[query_param_matcher(simple)],
        json=[company(1, types=[{"id": 1}], status={"id": 5}), company(2, types=[{"id": 2}], status={"id": 6})],
    )
    assert [record.id for record in client.companies(**choice).records] == [1]
    assert len(api_calls(site)) == 2


def test_no_company_at_all_is_asked_for_once(site: responses.RequestsMock, client: ConnectWiseClient) -> None:
    site.get(COMPANIES, json=[])
    assert client.companies().records == ()
    assert len(api_calls(site)) == 1


def test_without_a_choice_every_company_that_is_not_deleted_is_read(
    site: responses.RequestsMock, client: ConnectWiseClient
) -> None:
    site.get(COMPANIES, json=[company(1), company(2, deletedFlag=True)])
    assert [record.id for record in client.companies().records] == [1]
    assert query(site) == FIRST_PAGE | {"conditions": "deletedFlag = false"}


def test_a_filter_too_long_for_a_url_is_applied_locally(
    site: responses.RequestsMock, client: ConnectWiseClient
) -> None:
    site.get(COMPANIES, json=[company(1, types=[{"id": 1}]), company(2, types=[{"id": 999}])])
    assert [record.id for record in client.companies(type_ids=range(1, 500)).records] == [1]
    assert query(site)["conditions"] == "deletedFlag = false"
    assert "childConditions" not in query(site)


def test_companies_by_id_include_deleted_ones_but_not_missing_ones(
    site: responses.RequestsMock, client: ConnectWiseClient
) -> None:
    site.get(COMPANIES, json=[company(1), company(2, deletedFlag=True)])
    site.get(f"{COMPANIES}/3", status=404, json=NOT_FOUND)
    assert {row.id: row.deleted_flag for row in client.companies_by_id([3, 2, 1]).records} == {
        1: False,
        2: True,
    }
    assert query(site, 0)["conditions"] == "id in (1,2,3)"


def test_what_a_list_lacks_is_asked_for_by_itself(site: responses.RequestsMock, client: ConnectWiseClient) -> None:
    site.get(COMPANIES, json=[company(2)])
    site.get(f"{COMPANIES}/1", json=company(1))
    assert [record.id for record in client.companies_by_id([1, 2]).records] == [2, 1]
    site.get(AGREEMENTS, json=[])
    site.get(f"{AGREEMENTS}/7", json=agreement(7, 2))
    assert [record.id for record in client.agreements_by_id([7]).records] == [7]


LISTS: dict[str, tuple[Callable[[ConnectWiseClient], RecordList[Any]], str]] = {
    "companies": (lambda client: client.companies(), COMPANIES),
    "companies by id": (lambda client: client.companies_by_id([1, 2, 3]), COMPANIES),
    "agreements": (lambda client: client.agreements(company_ids=[2]), AGREEMENTS),
    "agreements by id": (lambda client: client.agreements_by_id([1, 2, 3]), AGREEMENTS),
    "lines": (lambda client: client.additions(7), f"{AGREEMENTS}/7/additions"),
}


@pytest.mark.parametrize(("read", "path"), LISTS.values(), ids=LISTS)
def test_one_record_that_cannot_be_read_stops_no_other(
    site: responses.RequestsMock,
    client: ConnectWiseClient,
    read: Callable[[ConnectWiseClient], RecordList[Any]],
    path: str,
) -> None:
    first, spoiled, last = ({**company(number), **agreement(number, 2), **addition(number)} for number in (1, 2, 3))
    spoiled |= {"name": None, "product": None}
    site.get(path, json=[first, spoiled, last])
    listed = read(client)
    assert [record.id for record in listed.records] == [1, 3]
    (unreadable,) = listed.unreadable
    assert (unreadable.id, unreadable.sent) == (2, spoiled)
    assert re.match("(name|product): ", unreadable.why)
    assert len(api_calls(site)) == 1


def test_what_is_asked_for_by_itself_may_be_unreadable_too(
    site: responses.RequestsMock, client: ConnectWiseClient
) -> None:
    site.get(AGREEMENTS, json=[agreement(7, 2)])
    site.get(f"{AGREEMENTS}/8", json=["no record"])
    listed = client.agreements_by_id([7, 8])
    assert [record.id for record in listed.records] == [7]
    assert [(record.id, record.sent) for record in listed.unreadable] == [(8, {})]


def test_a_reply_that_is_no_list_is_refused(site: responses.RequestsMock, client: ConnectWiseClient) -> None:
    site.get(f"{AGREEMENTS}/7/additions", json={"id": 1})
    with pytest.raises(ContractBroken, match="instead of a list of records"):
        client.additions(7)


def test_ids_that_the_list_has_cost_no_more_than_the_list(
    site: responses.RequestsMock, client: ConnectWiseClient
) -> None:
    site.get(AGREEMENTS, json=[agreement(7, 2), agreement(8, 2)])
    assert [record.id for record in client.agreements_by_id([8, 7]).records] == [7, 8]
    assert len(api_calls(site)) == 1


def test_a_record_that_cannot_be_requested_does_not_count_as_gone(
    site: responses.RequestsMock, client: ConnectWiseClient
) -> None:
    site.get(AGREEMENTS, json=[])
    site.get(f"{AGREEMENTS}/7", status=403, json={"code": "Forbidden", "message": "no"})
    with pytest.raises(MissingRight):
        client.agreements_by_id([7])


def test_many_ids_are_requested_in_urls_of_bounded_length(
    site: responses.RequestsMock, client: ConnectWiseClient
) -> None:
    site.get(f"{AGREEMENTS}/count", json={"count": 250_000})
    site.get(AGREEMENTS, json=[])
    assert client.agreements(company_ids=range(10_000, 11_000)) == RecordList(())
    calls = api_calls(site)[1:]
    assert all(len(call.request.url or "") < 2000 for call in calls)
    asked = " ".join(query(site, 1 + number)["conditions"] for number in range(len(calls)))
    assert all(str(number) in asked for number in range(10_000, 11_000))


def test_many_ids_are_found_in_the_whole_list_if_that_is_shorter(
    site: responses.RequestsMock, client: ConnectWiseClient
) -> None:
    unreadable = agreement(3, 10_002) | {"company": None}
    listed = [agreement(1, 10_000), agreement(2, 9_999), unreadable, agreement(4, 10_999)]
    site.get(f"{AGREEMENTS}/count", json={"count": 4})
    site.get(AGREEMENTS, json=listed)
    found = client.agreements(company_ids=range(10_000, 11_000))
    assert [record.id for record in found.records] == [1, 4]
    assert [record.id for record in found.unreadable] == [3]
    assert len(api_calls(site)) == 2
    assert query(site) == FIRST_PAGE
