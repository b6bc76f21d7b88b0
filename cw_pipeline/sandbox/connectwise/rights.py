"""Rights of the API member's security role."""

from enum import StrEnum


class Right(StrEnum):
    """A module and an action, as the security role table names them."""

    COMPANY_INQUIRE = "Company Maintenance: Inquire"
    COMPANY_ADD = "Company Maintenance: Add"
    COMPANY_EDIT = "Company Maintenance: Edit"
    COMPANY_DELETE = "Company Maintenance: Delete"
    TABLE_SETUP_INQUIRE = "Table Setup: Inquire"
    CATALOG_INQUIRE = "Product Catalog: Inquire"
    CATALOG_ADD = "Product Catalog: Add"
    CATALOG_EDIT = "Product Catalog: Edit"
    CATALOG_DELETE = "Product Catalog: Delete"
    AGREEMENTS_INQUIRE = "Agreements: Inquire"
    AGREEMENTS_ADD = "Agreements: Add"
    AGREEMENTS_EDIT = "Agreements: Edit"
    AGREEMENTS_DELETE = "Agreements: Delete"
    INVOICING_INQUIRE = "Invoicing: Inquire"
    PRODUCTS_INQUIRE = "Products: Inquire"
    API_REPORTS_INQUIRE = "API Reports: Inquire"


SEED_ROLE = frozenset(
    {
        Right.COMPANY_INQUIRE,
        Right.TABLE_SETUP_INQUIRE,
        Right.CATALOG_INQUIRE,
        Right.CATALOG_ADD,
        Right.AGREEMENTS_INQUIRE,
        Right.AGREEMENTS_ADD,
        Right.AGREEMENTS_EDIT,
    }
)
"""The least role with which usage can be billed: the role that the sandbox starts with."""
TO_READ_INVOICES = frozenset({Right.INVOICING_INQUIRE, Right.PRODUCTS_INQUIRE, Right.API_REPORTS_INQUIRE})
"""What reading invoices needs beyond that: the first two, or the last."""
