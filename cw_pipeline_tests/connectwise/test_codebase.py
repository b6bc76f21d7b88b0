"""The path of the API changes when ConnectWise upgrades a site; the client finds the new one by itself."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from cw_pipeline.connectwise.errors import AuthenticationFailed, NotFound
from cw_pipeline_tests.connectwise.conftest import API, COMPANY_INFO, ORIGIN, addition, api_calls

if TYPE_CHECKING:
    import responses

    from cw_pipeline.connectwise.client import ConnectWiseClient

NEW_API = f"{ORIGIN}/v2026_4/apis/3.0"
COUNT = "/company/companies/count"
LINE = "/finance/agreements/7/additions/9"


def look_ups(site: responses.RequestsMock) -> int:
    return len([call for call in site.calls if call.request.url == COMPANY_INFO])


def upgrade(site: responses.RequestsMock) -> None:
    site.upsert("GET", COMPANY_INFO, json={"Codebase": "v2026_4/"})


def test_the_codebase_is_looked_up_once(site: responses.RequestsMock, client: ConnectWiseClient) -> None:
    site.get(API + COUNT, json={"count": 3})
    assert [client.company_count() for _ in range(3)] == [3, 3, 3]
    assert look_ups(site) == 1


@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_a_request_goes_to_the_new_codebase_after_an_upgrade(
    site: responses.RequestsMock, client: ConnectWiseClient, method: str
) -> None:
    site.get(API + COUNT, json={"count": 3})
    client.company_count()
    upgrade(site)
    site.add(method, API + LINE, status=404, body="<html>no such page</html>")
    site.add(method, NEW_API + LINE, json=addition(9))
    line = client.addition(7, 9) if method == "GET" else client.set_quantity(7, 9, Decimal(12))
    assert line.id == 9
    assert look_ups(site) == 2


def test_a_404_under_an_unchanged_codebase_is_not_sent_again(
    site: responses.RequestsMock, client: ConnectWiseClient
) -> None:
    site.get(API + COUNT, status=404)
    with pytest.raises(AuthenticationFailed):
        client.company_count()
    assert look_ups(site) == 2
    assert len(api_calls(site)) == 1


def test_a_missing_record_asks_for_no_new_codebase(site: responses.RequestsMock, client: ConnectWiseClient) -> None:
    site.get(API + LINE, status=404, json={"code": "NotFound", "message": "Addition 9 not found"})
    with pytest.raises(NotFound):
        client.addition(7, 9)
    assert look_ups(site) == 1


def test_a_request_that_the_new_codebase_does_not_know_either_fails(
    site: responses.RequestsMock, client: ConnectWiseClient
) -> None:
    site.get(API + COUNT, json={"count": 3})
    client.company_count()
    upgrade(site)
    site.get(API + LINE, status=404)
    site.get(NEW_API + LINE, status=404)
    with pytest.raises(NotFound):
        client.addition(7, 9)
    assert look_ups(site) == 2


def test_threads_that_meet_an_upgrade_together_look_it_up_once(
    site: responses.RequestsMock, client: ConnectWiseClient
) -> None:
    site.get(API + COUNT, json={"count": 3})
    client.company_count()
    upgrade(site)
    site.upsert("GET", API + COUNT, status=404)
    site.get(NEW_API + COUNT, json={"count": 4})
    with ThreadPoolExecutor(8) as threads:
        counts = [asked.result() for asked in [threads.submit(client.company_count) for _ in range(16)]]
    assert counts == [4] * 16
    assert look_ups(site) == 2
