"""Replies of the Provider API and lines of an export, as the assumed contract has them."""

from typing import Any

HEADER = "organization_id,organization_name,plan,license_type,msp_managed,consumed_licenses\n"


def usage_item(organization_id: str = "org-1", **changes: object) -> dict[str, Any]:
    item: dict[str, Any] = {
        "organization_id": organization_id,
        "organization_name": "Acme",
        "plan": "Business",
        "license_type": "Standard",
        "msp_managed": True,
        "consumed_licenses": 5,
    }
    return item | changes


def usage_page(*items: object, **changes: object) -> dict[str, Any]:
    page: dict[str, Any] = {
        "month": "2026-03",
        "final": True,
        "generated_at": "2026-04-01T00:01:02Z",
        "items": list(items),
        "next_cursor": None,
    }
    return page | changes


def organization(organization_id: str = "org-1", **changes: object) -> dict[str, Any]:
    item: dict[str, Any] = {
        "id": organization_id,
        "name": "Acme",
        "plan": "Business",
        "license_type": "Standard",
        "status": "Active",
        "msp_managed": True,
    }
    return item | changes


def without(document: dict[str, Any], field: str) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name != field}


def refusal(code: str = "invalid_plan", message: str = "The plan is not for sale.") -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}
