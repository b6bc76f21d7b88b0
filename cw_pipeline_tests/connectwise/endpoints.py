"""Paths of ConnectWise, and records as it sends them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from cw_pipeline_tests.connectwise.conftest import API, api_calls

if TYPE_CHECKING:
    import responses

COMPANIES = f"{API}/company/companies"
AGREEMENTS = f"{API}/finance/agreements"
CATALOG = f"{API}/procurement/catalog"
NOT_FOUND = {"code": "NotFound", "message": "Company 3 was not found"}
FIRST_PAGE = {"page": "1", "pageSize": "1000", "orderBy": "id asc"}


def query(site: responses.RequestsMock, number: int = -1) -> dict[str, str]:
    url = api_calls(site)[number].request.url or ""
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def sent(site: responses.RequestsMock) -> object:
    return json.loads(api_calls(site)[-1].request.body or b"null")


def agreement(number: int, company_id: int) -> dict[str, object]:
    return {
        "id": number,
        "name": f"Agreement {number}",
        "type": {"id": 1, "name": "Managed"},
        "company": {"id": company_id, "identifier": "acme", "name": "ACME"},
        "agreementStatus": "Cancelled",
        "nextInvoiceDate": "2026-04-01T00:00:00Z",
    }


def item(number: int, identifier: str, description: str = "") -> dict[str, object]:
    return {"id": number, "identifier": identifier, "description": description, "price": 3.1}
