"""The rights of an API member's security role that this program's requests need, as ConnectWise's pages name them."""

from __future__ import annotations

from enum import StrEnum


class Right(StrEnum):
    """A right of a security role: module, area and level."""

    COMPANY_INQUIRE = "Companies > Company Maintenance: Inquire"
    TABLE_SETUP_INQUIRE = "System > Table Setup: Inquire"
    CATALOG_INQUIRE = "Procurement > Product Catalog: Inquire"
    CATALOG_ADD = "Procurement > Product Catalog: Add"
    AGREEMENTS_INQUIRE = "Finance > Agreements: Inquire"
    AGREEMENTS_ADD = "Finance > Agreements: Add"
    AGREEMENTS_EDIT = "Finance > Agreements: Edit"
