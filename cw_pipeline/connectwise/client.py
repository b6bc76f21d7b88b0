"""The client: one method for each thing that the product asks of ConnectWise PSA.

Reads are in `companies`, `agreements`, `catalog` and `invoices`; every write is in `writes`.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from cw_pipeline.connectwise.agreements import Agreements
from cw_pipeline.connectwise.catalog import Catalog
from cw_pipeline.connectwise.companies import Companies
from cw_pipeline.connectwise.credentials import Credentials
from cw_pipeline.connectwise.http import Http, RequestCount
from cw_pipeline.connectwise.invoices import Invoices
from cw_pipeline.connectwise.sites import record_url
from cw_pipeline.connectwise.writes import Writes

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from cw_pipeline.connectwise import models

__all__ = ["ConnectWiseClient", "Credentials", "RequestCount"]


class ConnectWiseClient(Companies, Agreements, Catalog, Invoices, Writes):
    """Reads and writes one ConnectWise company. A context manager, safe to use from several threads.

    Every method that sends a request may raise any `errors.ConnectWiseError`; only after `errors.UncertainWrite` may
    something have been written. Lists about customers come as a `RecordList`, so that an unreadable record stops no
    other. All others are read lazily, page by page, and raise `errors.RecordUnreadable` at such a record.

    Args:
        credentials: The API member and its site.
        requests_per_minute: The limit over all threads.
        max_concurrency: The limit over all threads.
        read_timeout: Seconds to wait for an answer, or for its next part.
        sleep: Waits so many seconds; for tests.
        clock: Seconds of a clock that only goes forward; for tests.

    Attributes:
        company_id: The company id of the login.
        site_url: HTTPS origin of the API, with `api-` if ConnectWise hosts the site.

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
        http = Http(
            credentials,
            requests_per_minute=requests_per_minute,
            max_concurrency=max_concurrency,
            read_timeout=read_timeout,
            sleep=sleep,
            clock=clock,
        )
        super().__init__(http)
        self.company_id = credentials.company_id
        self.site_url = http.origin

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    @property
    def requests(self) -> RequestCount:
        """Requests sent so far, repeats included."""
        return self._http.count

    @contextmanager
    def asking_before_writes(self, check: Callable[[], None]) -> Generator[None]:
        """Call `check` before each attempt of a write in the block; what it raises prevents the attempt."""
        self._http.before_write = check
        try:
            yield
        finally:
            self._http.before_write = lambda: None

    def company_info(self) -> models.CompanyInfo:
        """Ask the site, without credentials, which API serves the company.

        Raises:
            UnknownCompany: The site does not know the company id.
        """
        return self._http.company_info()

    def agreement_url(self, agreement_id: int) -> str:
        """A link to the agreement in ConnectWise's web pages."""
        return record_url(self.site_url, self.company_id, "AgreementFV", agreement_id)
