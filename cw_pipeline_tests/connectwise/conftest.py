"""A client whose time does not pass, against answers that a test writes down."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import responses
import trustme

from cw_pipeline.connectwise.client import ConnectWiseClient, Credentials
from cw_pipeline_tests.connectwise.breaking_server import BreakingServer
from cw_pipeline_tests.support.fake_time import FakeTime

if TYPE_CHECKING:
    from collections.abc import Iterator

ORIGIN = "https://psa.example.com"
API = f"{ORIGIN}/v4_6_release/apis/3.0"
COMPANY_INFO = f"{ORIGIN}/login/companyinfo/example"
CREDENTIALS = Credentials(
    site_url=ORIGIN,
    company_id="example",
    public_key="PUBLICKEY0123456",
    private_key="PRIVATEKEY654321",
    client_id="11111111-2222-3333-4444-555555555555",
)


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def server(authority: trustme.CA) -> Iterator[BreakingServer]:
    with BreakingServer(authority) as server:
        yield server


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def site() -> Iterator[responses.RequestsMock]:
    """ConnectWise's site; it knows the company, and answers what a test adds."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.get(COMPANY_INFO, json={"CompanyName": "Example MSP", "Codebase": "v4_6_release/", "IsCloud": "True"})
        yield mock


@pytest.fixture
def client(time: FakeTime) -> Iterator[ConnectWiseClient]:
    with ConnectWiseClient(CREDENTIALS, sleep=time.sleep, clock=time.clock) as client:
        yield client


def api_calls(site: responses.RequestsMock) -> list[responses.Call]:
    """The requests to the API, without the look-up of the codebase."""
    return [call for call in site.calls if "/apis/3.0/" in (call.request.url or "")]


def company(number: int, **fields: object) -> dict[str, object]:
    return {"id": number, "identifier": f"company-{number}", "name": f"Company {number}", **fields}


def addition(number: int, **fields: object) -> dict[str, object]:
    return {
        "id": number,
        "product": {"id": 3, "identifier": "NP-BUSINESS"},
        "quantity": 12,
        "billCustomer": "Billable",
        **fields,
    }
