import re
from urllib.parse import parse_qs, urlsplit

import requests

from cw_pipeline.sandbox import Sandbox
from cw_pipeline_tests.sandbox.conftest import Api, document

FORWARD_ONLY = {"pagination-type": "forward-only"}


def following(response: requests.Response) -> str | None:
    link = response.links.get("next")
    return link["url"] if link else None


def test_a_page_has_25_rows_by_default_and_ends_in_nothing(reader: Api) -> None:
    assert len(reader.rows("/company/companies")) == 25
    assert reader.rows("/company/companies", page=99) == []


def test_a_larger_page_than_the_cap_is_cut_silently(sandbox: Sandbox, api: Api) -> None:
    sandbox.connectwise.change_settings(page_size_cap=10)
    assert len(api.rows("/company/companies", pageSize=5000)) == 10


def test_links_lead_through_every_page_once(reader: Api) -> None:
    response = reader.get("/company/companies", pageSize=20, orderBy="id asc")
    assert set(response.links) == {"next", "last"}
    ids = [row["id"] for row in document(response)]
    while url := following(response):
        response = reader.session.get(url, timeout=10)
        ids += [row["id"] for row in document(response)]
    assert set(response.links) == {"first", "prev"}
    assert len(ids) == len(set(ids)) == document(reader.get("/company/companies/count"))["count"]


def test_a_link_echoes_the_conditions_with_escapes_in_lower_case(reader: Api) -> None:
    response = reader.get("/company/companies", pageSize=1, conditions="name != 'O*'")
    url = following(response) or ""
    assert "%27" in url
    assert "%2a" in url
    assert not re.search(r"%[0-9a-f]?[A-F]", url)
    assert parse_qs(urlsplit(url).query)["conditions"] == ["name != 'O*'"]


def test_the_number_of_a_page_comes_last_in_its_link(reader: Api) -> None:
    links = reader.get("/company/companies", page=2, pageSize=20, conditions="id != 0").headers["Link"]
    pages = re.findall(r'[?&]page=(\d+)>; rel="(\w+)"', links)
    assert pages == [("1", "first"), ("1", "prev"), ("3", "next"), ("4", "last")]


def test_a_single_page_has_no_link_unless_switched_on(sandbox: Sandbox, api: Api) -> None:
    assert "Link" not in api.get("/company/companies/types").headers
    sandbox.connectwise.change_settings(link_on_single_page=True)
    assert api.get("/company/companies/types").headers["Link"] == ""


def test_forward_only_paging_continues_after_the_last_id(reader: Api) -> None:
    response = reader.get("/company/companies", FORWARD_ONLY, pageSize=30, page=2)
    pages = [document(response)]
    while url := following(response):
        assert f"pageId={pages[-1][-1]['id']}" in url
        response = reader.session.get(url, headers=FORWARD_ONLY, timeout=10)
        pages.append(document(response))
    assert (pages[-1], response.headers["Link"]) == ([], "")
    assert [row["id"] for page in pages for row in page] == sorted(
        row["id"] for row in reader.rows("/company/companies", pageSize=1000)
    )


def test_forward_only_paging_refuses_an_order(reader: Api) -> None:
    assert reader.get("/company/companies", FORWARD_ONLY, orderBy="id asc").status_code == 400


def test_an_endpoint_without_forward_only_paging_sends_no_link(sandbox: Sandbox, api: Api) -> None:
    assert "Link" not in api.get("/procurement/subcategories/", FORWARD_ONLY, pageSize=1).headers
    assert "Link" in api.get("/finance/agreements/1001/additions", FORWARD_ONLY, pageSize=1).headers
    sandbox.connectwise.change_settings(forward_only_additions=False)
    assert "Link" not in api.get("/finance/agreements/1001/additions", FORWARD_ONLY, pageSize=1).headers
    assert "Link" in api.get("/finance/agreements/1001/additions", pageSize=1).headers


def test_forward_only_paging_may_end_with_the_last_page_that_has_rows(sandbox: Sandbox, api: Api) -> None:
    sandbox.connectwise.change_settings(forward_only_ends_with_empty_page=False)
    assert api.get("/company/companies/types", FORWARD_ONLY).headers["Link"] == ""


def test_child_conditions_look_into_a_companys_types(reader: Api) -> None:
    partners = reader.rows("/company/companies", childConditions="types/id = 4", pageSize=1000)
    assert {row["id"] for row in partners} == {112, 132}
    several = reader.rows("/company/companies", childConditions="types/id in (3,4)", pageSize=1000)
    assert len(several) > len(partners)
    assert all({3, 4} & {kind["id"] for kind in row["types"]} for row in several)


def test_conditions_and_orders_work_together(reader: Api) -> None:
    rows = reader.rows(
        "/finance/agreements",
        conditions="company/id in (101,102) and cancelledFlag = false",
        orderBy="company/id desc, id asc",
    )
    companies = [row["company"]["id"] for row in rows]
    assert companies == sorted(companies, reverse=True)
    assert set(companies) == {101, 102}


def test_a_company_is_found_by_a_name_with_an_apostrophe(reader: Api) -> None:
    (row,) = reader.rows("/company/companies", conditions="name = \"O'Neill's Pub\"")
    assert row["name"] == "O'Neill's Pub"


def test_unknown_names_in_conditions_and_orders_are_refused(reader: Api) -> None:
    for query in ({"conditions": "agreementStatus = 'Active'"}, {"orderBy": "nothing"}, {"orderBy": "id upwards"}):
        refused = reader.get("/finance/agreements", **query)
        assert (refused.status_code, document(refused)["code"]) == (400, "ApiFindCondition")


def test_counts_follow_the_conditions(reader: Api) -> None:
    assert document(reader.get("/company/companies/count", conditions="deletedFlag = true")) == {"count": 3}


def test_a_url_that_is_too_long_is_refused(reader: Api) -> None:
    ids = ",".join(str(number) for number in range(3000))
    assert reader.get("/company/companies", conditions=f"id in ({ids})").status_code == 414


def test_unset_dates_are_absent_or_empty(sandbox: Sandbox, api: Api) -> None:
    assert "endDate" not in document(api.get("/finance/agreements/1001"))
    sandbox.connectwise.change_settings(unset_dates="empty")
    assert document(api.get("/finance/agreements/1001"))["endDate"] == ""


def test_a_lagging_list_misses_new_records_as_often_as_told(sandbox: Sandbox, api: Api) -> None:
    sandbox.connectwise.change_settings(lists_lag={"agreements": 2})
    copied = sandbox.connectwise.copy_agreement(1001)
    sandbox.connectwise.edit_agreement(1002, name="Renamed")
    query = {"conditions": f"id in (1001,1002,{copied})"}
    before = [[row["id"] for row in api.rows("/finance/agreements", **query)] for _ in range(2)]
    assert before == [[1001], [1001]]
    assert len(api.rows("/finance/agreements", **query)) == 3


def test_single_reads_and_lists_without_conditions_do_not_lag(sandbox: Sandbox, api: Api) -> None:
    sandbox.connectwise.change_settings(lists_lag={"agreements": 1, "additions": 1})
    copied = sandbox.connectwise.copy_agreement(1001)
    assert api.get(f"/finance/agreements/{copied}").status_code == 200
    assert copied in {row["id"] for row in api.rows("/finance/agreements", pageSize=1000)}
    lines = f"/finance/agreements/{copied}/additions"
    assert len(api.rows(lines)) == len(api.rows("/finance/agreements/1001/additions")) == 2
    assert document(api.get(f"{lines}/count", conditions="id != 0")) == {"count": 0}
    assert len(api.rows(lines, conditions="id != 0")) == 2


def test_compound_conditions_may_find_nothing(sandbox: Sandbox, api: Api) -> None:
    sandbox.connectwise.change_settings(compound_conditions_find_nothing=True)
    compound = "company/id = 101 and cancelledFlag = false"
    assert api.rows("/finance/agreements", conditions=compound) == []
    assert document(api.get("/finance/agreements/count", conditions=compound)) == {"count": 0}
    assert len(api.rows("/finance/agreements", conditions="company/id = 101")) == 1
    assert api.rows("/procurement/catalog", conditions="description contains 'bread and butter' or id = 13")
    assert api.get("/finance/agreements", conditions="colour = 1 and id = 2").status_code == 400
