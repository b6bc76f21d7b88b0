"""Invoices, if the API member may read them: no right to that is required.

Both ways to read them begin with the products that were sold: an invoice does not say what is on it, and some sites
return too little for conditions on dates or compound conditions.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from cw_pipeline.connectwise.errors import ContractBroken, RecordUnreadable
from cw_pipeline.connectwise.invoice_records import Invoice, ProductItem, Report, ReportedProduct
from cw_pipeline.connectwise.paging import DEFAULT_PAGE_SIZE, MOST_PAGES, PAGE_SIZE
from cw_pipeline.connectwise.record_list import RecordList
from cw_pipeline.connectwise.records import Endpoints
from cw_pipeline.connectwise.replies import read_record

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

_INVOICES = "/finance/invoices"
_PRODUCTS = "/procurement/products"
_REPORT = "/system/reports/Product"


class Invoices(Endpoints):
    """Invoices and what is on them, in either of two ways."""

    def invoices_by_id(self, ids: Iterable[int]) -> RecordList[Invoice]:
        """The invoices with these ids, of whatever type. Deleted ones are left out."""
        return self._by_ids(_INVOICES, Invoice, ids)

    def products_sold(self, catalog_item_ids: Iterable[int]) -> RecordList[ProductItem]:
        """Everything that was ever sold of these products, invoiced or not."""
        return self._by_reference(_PRODUCTS, ProductItem, "catalogItem/id", catalog_item_ids)

    def products_reported(self, catalog_item_ids: Collection[int]) -> RecordList[ReportedProduct]:
        """The same from the report `Product`. Unreadable rows are `nameless`: they cannot be requested by an id."""
        products: dict[int, ReportedProduct] = {}
        unreadable: list[str] = []
        for condition in self._conditions(_REPORT, "iv_item_recid", catalog_item_ids):
            for page in self._report_pages(condition):
                before = len(products) + len(unreadable)
                for row in page.rows:
                    try:
                        product = read_record(row, ReportedProduct, endpoint=f"GET {_REPORT}")
                        products[product.iv_product_recid] = product
                    except RecordUnreadable as error:
                        unreadable.append(error.why)
                if len(products) + len(unreadable) == before:
                    break  # the site does not page its reports
        return RecordList(tuple(products.values()), nameless=tuple(unreadable))

    def prove_invoices(self) -> None:
        """Prove the rights to read invoices and the products on them.

        Raises:
            MissingRight: The role lacks one of them.
        """
        self._count(_INVOICES)
        self._count(_PRODUCTS)

    def prove_report(self) -> None:
        """Prove the right to read reports.

        Raises:
            MissingRight: The role lacks it.
        """
        self._one(_REPORT, Report, {"pageSize": "1"})

    def _report_pages(self, condition: str) -> Iterator[Report]:
        """The pages of the report. They have no links: a page shorter than the one before is the last."""
        longest = DEFAULT_PAGE_SIZE
        for number in count(1):
            if number > MOST_PAGES:
                msg = f"GET {_REPORT} does not end after {MOST_PAGES} pages. Nothing of it was used."
                raise ContractBroken(msg)
            params = {"conditions": condition, "orderBy": "iv_product_RecID asc"}
            page = self._one(_REPORT, Report, {**params, "page": str(number), "pageSize": str(PAGE_SIZE)})
            yield page
            if len(page.row_values) < longest:
                return
            longest = len(page.row_values)
