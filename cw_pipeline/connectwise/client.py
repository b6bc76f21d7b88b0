"""The client: one method for each thing the product asks of ConnectWise PSA.

Here belong the endpoints and their conditions, and nothing else. There is no method that deletes, replaces, or writes
a company, so that an API member with the least rights is enough.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self
from urllib.parse import quote

from cw_pipeline.connectwise import models
from cw_pipeline.connectwise.conditions import quoted
from cw_pipeline.connectwise.credentials import Credentials
from cw_pipeline.connectwise.fields import MOST_DIGITS, can_be_sent
from cw_pipeline.connectwise.http import Http, RequestCount
from cw_pipeline.connectwise.records import Records
from cw_pipeline.connectwise.sites import web_origin

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
    from decimal import Decimal

__all__ = ["ConnectWiseClient", "Credentials", "RequestCount"]

_COMPANIES = "/company/companies"
_AGREEMENTS = "/finance/agreements"
_CATALOG = "/procurement/catalog"


class ConnectWiseClient:
    """Reads and writes one ConnectWise company. Use it as a context manager, from as many threads as you like.

    Every method that asks ConnectWise may raise any `errors.ConnectWiseError`; only after `errors.UncertainWrite` may
    something have been written. Lists are read lazily, page by page.

    Args:
        credentials: The API member and its site.
        requests_per_minute: Most requests in any minute, over all threads of this client.
        max_concurrency: Most requests at the same time, over all threads of this client.
        read_timeout: Seconds to wait for an answer, or for its next part.
        sleep: Waits so many seconds; for tests.
        clock: Seconds of a clock that only goes forward; for tests.

    Raises:
        InvalidConfiguration: The site URL is not the HTTPS address of a site, or a limit is less than 1.
    """

    def __init__(
        self,
        credentials: Credentials,
        *,
        requests_per_minute: int = 900,
        max_concurrency: int = 4,
        read_timeout: float = 60.0,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._company_id = credentials.company_id
        self._http = Http(
            credentials,
            requests_per_minute=requests_per_minute,
            max_concurrency=max_concurrency,
            read_timeout=read_timeout,
            sleep=sleep,
            clock=clock,
        )
        self._records = Records(self._http)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    @property
    def company_id(self) -> str:
        """The company id that it logs in with."""
        return self._company_id

    @property
    def site_url(self) -> str:
        """HTTPS origin of the API, with `api-` where ConnectWise hosts the site."""
        return self._http.origin

    @property
    def requests(self) -> RequestCount:
        """Requests that this client has sent, repeats included."""
        return self._http.count

    # --- the site ---

    def company_info(self) -> models.CompanyInfo:
        """Ask the site, without credentials, which API serves the company.

        Raises:
            UnknownCompany: The site does not know the company id.
        """
        return self._http.company_info()

    def system_info(self) -> models.SystemInfo:
        """Return the version that answers. It does not prove that the credentials are good."""
        return self._records.one("/system/info", models.SystemInfo)

    def agreement_url(self, agreement_id: int) -> str:
        """Return a link that opens the agreement in ConnectWise's web pages.

        ConnectWise does not document such links. This form is used by public integrations, for hosted and for
        on-premise sites; whoever follows it must be logged in to ConnectWise.
        """
        return (
            f"{web_origin(self.site_url)}/v4_6_release/services/system_io/router/openrecord.rails"
            f"?recordType=AgreementFV&recid={agreement_id}&companyName={quote(self._company_id, safe='')}"
        )

    # --- companies ---

    def companies(
        self, *, type_ids: Collection[int] = (), status_ids: Collection[int] = ()
    ) -> Iterator[models.Company]:
        """Yield the companies that are not deleted, of any of these types and statuses (none given: of all).

        ConnectWise filters, and the client filters again.
        """
        wanted = ["deletedFlag = false", *_any_of("status/id", status_ids)]
        params = {"conditions": " and ".join(wanted)}
        # `in` does not work on the fields of a child collection.
        if type_ids:
            params["childConditions"] = " or ".join(f"types/id = {number}" for number in sorted(set(type_ids)))
        if not self._records.can_be_asked(_COMPANIES, " ".join(params.values())):
            params = {"conditions": wanted[0]}
        types, statuses = frozenset(type_ids), frozenset(status_ids)
        for company in self._records.all(_COMPANIES, models.Company, params):
            of_type = not types or any(one.id in types for one in company.types)
            of_status = not statuses or (company.status is not None and company.status.id in statuses)
            if of_type and of_status and not company.deleted_flag:
                yield company

    def companies_by_id(self, ids: Iterable[int]) -> Iterator[models.Company]:
        """Yield the companies with these ids, deleted ones included. An id that does not exist is just absent."""
        return self._records.by_ids(_COMPANIES, models.Company, "id", ids)

    def company_types(self) -> Iterator[models.CompanyType]:
        """Yield the company types."""
        return self._records.all(f"{_COMPANIES}/types", models.CompanyType)

    def company_statuses(self) -> Iterator[models.CompanyStatus]:
        """Yield the company statuses."""
        return self._records.all(f"{_COMPANIES}/statuses", models.CompanyStatus)

    def company_count(self) -> int:
        """How many companies the API member sees; proves the right to inquire them."""
        return self._records.count(_COMPANIES)

    # --- agreements and their lines ---

    def agreements(self, *, company_ids: Iterable[int]) -> Iterator[models.Agreement]:
        """Yield the agreements of these companies, whatever their status."""
        return self._records.by_ids(_AGREEMENTS, models.Agreement, "company/id", company_ids)

    def agreements_by_id(self, ids: Iterable[int]) -> Iterator[models.Agreement]:
        """Yield the agreements with these ids, whatever their status. An id that does not exist is just absent."""
        return self._records.by_ids(_AGREEMENTS, models.Agreement, "id", ids)

    def agreement_count(self) -> int:
        """How many agreements the API member sees; proves the right to inquire them."""
        return self._records.count(_AGREEMENTS)

    def additions(
        self, agreement_id: int, *, wanted: Callable[[Mapping[str, object]], bool] = lambda _record: True
    ) -> Iterator[models.Addition]:
        """Yield the lines of the agreement, cancelled ones included, that are ``wanted`` as ConnectWise sends them.

        Of the others only the id is looked at, so that an odd line of somebody else's is nobody's problem.
        """
        return self._records.all(_additions(agreement_id), models.Addition, wanted=wanted)

    def addition(self, agreement_id: int, addition_id: int) -> models.Addition:
        """Return one line.

        Raises:
            NotFound: There is no such line on the agreement.
        """
        return self._records.one(f"{_additions(agreement_id)}/{addition_id}", models.Addition)

    def create_addition(
        self, agreement_id: int, addition: models.NewAddition, *, before_sending: Callable[[], None] | None = None
    ) -> models.Addition:
        """Create a line and return it as ConnectWise answers it. The caller compares it with what was meant.

        `before_sending` is called right before each attempt, and may raise to prevent it.

        Raises:
            Refused: ConnectWise refused; nothing was written.
            UncertainWrite: Nobody knows whether it was created: look for it before trying again.
        """
        return self._records.write(
            "POST", _additions(agreement_id), addition.body(), models.Addition, before_sending=before_sending
        )

    def set_quantity(
        self,
        agreement_id: int,
        addition_id: int,
        quantity: Decimal,
        *,
        before_sending: Callable[[], None] | None = None,
    ) -> models.Addition:
        """Set a line's quantity and return the line as ConnectWise answers it.

        The caller compares the quantity: ConnectWise is known to answer 200 to some changes that it ignores.
        `before_sending` is called right before each attempt, and may raise to prevent it.

        Raises:
            ValueError: The quantity is negative, or has more digits than can be sent.
            Refused: ConnectWise refused; nothing was written.
            UncertainWrite: Nobody knows whether it was set: read the line before trying again.
        """
        if not can_be_sent(quantity) or quantity < 0:
            msg = f"the quantity of a line cannot be negative or of more than {MOST_DIGITS} digits: {quantity}"
            raise ValueError(msg)
        change = [{"op": "replace", "path": "quantity", "value": quantity}]
        path = f"{_additions(agreement_id)}/{addition_id}"
        return self._records.write("PATCH", path, change, models.Addition, before_sending=before_sending)

    # --- the product catalog ---

    def catalog_items(self, *, search: str | None = None) -> Iterator[models.CatalogItem]:
        """Yield the products, inactive ones included; with `search`, those with it in identifier or description."""
        if not search:
            yield from self._records.all(_CATALOG, models.CatalogItem)
            return
        value = quoted(search)
        condition = f"identifier contains {value} or description contains {value}" if value else None
        for item in self._catalog_items(condition):
            if search.casefold() in item.identifier.casefold() or search.casefold() in item.description.casefold():
                yield item

    def catalog_item(self, item_id: int) -> models.CatalogItem:
        """Return one product.

        Raises:
            NotFound: There is no such product.
        """
        return self._records.one(f"{_CATALOG}/{item_id}", models.CatalogItem)

    def catalog_item_by_identifier(self, identifier: str) -> models.CatalogItem | None:
        """Return the product with this identifier, in any spelling of its capitals; None if there is none."""
        value = quoted(identifier)
        found = [
            item
            for item in self._catalog_items(f"identifier = {value}" if value else None)
            if item.identifier.casefold() == identifier.casefold()
        ]
        exact = [item for item in found if item.identifier == identifier]
        return next(iter(exact + found), None)

    def catalog_count(self) -> int:
        """How many products the API member sees; proves the right to inquire them."""
        return self._records.count(_CATALOG)

    def create_catalog_item(self, item: models.NewCatalogItem) -> models.CatalogItem:
        """Create a product and return it.

        Raises:
            ValidationRejected: For example because the identifier exists already; nothing was written.
            UncertainWrite: Nobody knows whether it was created: look for its identifier before trying again.
        """
        return self._records.write("POST", _CATALOG, item.body(), models.CatalogItem)

    def product_types(self) -> Iterator[models.ProductType]:
        """Yield the product types."""
        return self._records.all("/procurement/types", models.ProductType)

    def categories(self) -> Iterator[models.Category]:
        """Yield the product categories."""
        return self._records.all("/procurement/categories", models.Category)

    def subcategories(self) -> Iterator[models.Subcategory]:
        """Yield the product subcategories."""
        # ConnectWise lists them under a path with a closing slash, unlike everything else.
        return self._records.all("/procurement/subcategories/", models.Subcategory)

    def units_of_measure(self) -> Iterator[models.UnitOfMeasure]:
        """Yield the units of measure."""
        return self._records.all("/procurement/unitOfMeasures", models.UnitOfMeasure)

    def _catalog_items(self, condition: str | None) -> Iterator[models.CatalogItem]:
        """Those that fit the condition, or all where ConnectWise cannot be asked it safely."""
        if condition is None or not self._records.can_be_asked(_CATALOG, condition):
            return self._records.all(_CATALOG, models.CatalogItem)
        return self._records.all(_CATALOG, models.CatalogItem, {"conditions": condition})


def _additions(agreement_id: int) -> str:
    return f"{_AGREEMENTS}/{agreement_id}/additions"


def _any_of(field: str, ids: Iterable[int]) -> list[str]:
    numbers = ",".join(map(str, sorted(set(ids))))
    return [f"{field} in ({numbers})"] if numbers else []
