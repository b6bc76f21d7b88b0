"""The rights of the API member's security role that requests need, as ConnectWise's pages name them."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Right(StrEnum):
    """A right of a security role: module, area and level."""

    COMPANY_INQUIRE = "Companies > Company Maintenance: Inquire"
    TABLE_SETUP_INQUIRE = "System > Table Setup: Inquire"
    CATALOG_INQUIRE = "Procurement > Product Catalog: Inquire"
    CATALOG_ADD = "Procurement > Product Catalog: Add"
    AGREEMENTS_INQUIRE = "Finance > Agreements: Inquire"
    AGREEMENTS_ADD = "Finance > Agreements: Add"
    AGREEMENTS_EDIT = "Finance > Agreements: Edit"
    INVOICING_INQUIRE = "Finance > Invoicing: Inquire"
    PRODUCTS_INQUIRE = "Procurement > Products: Inquire"
    API_REPORTS_INQUIRE = "System > API Reports: Inquire"


_NEEDED: Mapping[str, Mapping[str, Right]] = {
    "/company/companies/types": {"GET": Right.TABLE_SETUP_INQUIRE},
    "/company/companies/statuses": {"GET": Right.TABLE_SETUP_INQUIRE},
    "/company/companies": {"GET": Right.COMPANY_INQUIRE},
    "/finance/agreements": {
        "GET": Right.AGREEMENTS_INQUIRE,
        "POST": Right.AGREEMENTS_ADD,
        "PATCH": Right.AGREEMENTS_EDIT,
    },
    "/finance/billingCycles": {"GET": Right.TABLE_SETUP_INQUIRE},
    "/finance/invoices": {"GET": Right.INVOICING_INQUIRE},
    "/system/reports": {"GET": Right.API_REPORTS_INQUIRE},
    "/procurement/products": {"GET": Right.PRODUCTS_INQUIRE},
    "/procurement/catalog": {"GET": Right.CATALOG_INQUIRE, "POST": Right.CATALOG_ADD},
    "/procurement/": {"GET": Right.TABLE_SETUP_INQUIRE},
}
"""By the path's beginning, more specific ones first."""


def right_for(method: str, path: str) -> str:
    """The right that a request needs."""
    for beginning, rights in _NEEDED.items():
        if path.startswith(beginning) and method in rights:
            return rights[method]
    return f"that {method} {path} needs (ConnectWise does not document which)"
