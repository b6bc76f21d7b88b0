"""What the product asks about invoices, where the API member may: neither right is among those that it needs.

Both ways begin with the products that were sold: the invoices themselves do not say what is on them, and some sites
answer conditions about dates, or compound ones, with too little.
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
    """Invoices and what is on them, by either of two ways."""

    def invoices_by_id(self, ids: Iterable[int]) -> RecordList[Invoice]:
        """Return the invoices with these ids, of whatever type. One that was deleted is left out."""
        return self._records.by_ids(_INVOICES, Invoice, ids)

    def products_sold(self, catalog_item_ids: Iterable[int]) -> RecordList[ProductItem]:
        """Return what was ever sold of these products, on invoices or not."""
        return self._records.by_reference(_PRODUCTS, ProductItem, "catalogItem/id", catalog_item_ids)

    def products_reported(self, catalog_item_ids: Collection[int]) -> RecordList[ReportedProduct]:
        """Return the same from the report `Product`. A row that cannot be read has no id that could be asked for."""
        conditions = self._records.conditions(_REPORT, "iv_item_recid", catalog_item_ids)
        found: dict[int, ReportedProduct] = {}
        unreadable: list[str] = []
        for condition in conditions:
            for page in self._report_pages(condition):
                before = len(found) + len(unreadable)
                for row in page.rows:
                    try:
                        one = read_record(row, ReportedProduct, endpoint=f"GET {_REPORT}")
                    except RecordUnreadable as error:
                        unreadable.append(error.why)
                    else:
                        found[one.iv_product_recid] = one
                if len(found) + len(unreadable) == before:
                    break  # the site does not page its reports
        return RecordList(tuple(found.values()), nameless=tuple(unreadable))

    def prove_invoices(self) -> None:
        """Prove the rights to inquire invoices and the products on them.

        Raises:
            MissingRight: The role lacks one of them.
        """
        self._records.count(_INVOICES)
        self._records.count(_PRODUCTS)

    def prove_report(self) -> None:
        """Prove the right to inquire reports.

        Raises:
            MissingRight: The role lacks it.
        """
        self._records.one(_REPORT, Report, {"pageSize": "1"})

    def _report_pages(self, condition: str) -> Iterator[Report]:
        """The pages of the report that fit the condition; without links, the last is the first that is short."""
        longest = DEFAULT_PAGE_SIZE
        for number in count(1):
            if number > MOST_PAGES:
                msg = f"GET {_REPORT} does not end after {MOST_PAGES} pages. Nothing of it was used."
                raise ContractBroken(msg)
            params = {"conditions": condition, "orderBy": "iv_product_RecID asc"}
            page = self._records.one(_REPORT, Report, {**params, "page": str(number), "pageSize": str(PAGE_SIZE)})
            yield page
            if len(page.row_values) < longest:
                return
            longest = len(page.row_values)
