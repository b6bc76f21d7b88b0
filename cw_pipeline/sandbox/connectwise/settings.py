"""Switches for behaviour of ConnectWise PSA that differs between sites, or that no public document settles."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, NonNegativeInt

from cw_pipeline.sandbox.connectwise.invoicing import Periods


class Settings(BaseModel):
    """The switches, with the values that the sandbox starts with."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    codebase: str = "v4_6_release/"
    """Where the API is; an upgrade changes it, and the old one then answers 404."""
    requests_per_minute: int = 1000
    """Above it: 429."""
    retry_after_as_date: bool = False
    """`Retry-After` as an HTTP date instead of seconds."""
    bad_credentials_status: Literal[401, 404] = 401
    missing_client_id_status: Literal[401, 403] = 401
    page_size_cap: int = 1000
    """A larger `pageSize` is cut to this without a word."""
    url_limit: int = 10_000
    """Longer URLs: 414."""
    link_on_single_page: bool = False
    """A `Link` header (empty) also where there is only one page."""
    numbered_pages_end_with_empty_page: bool = False
    """Every numbered page with rows links to a next one, so that the last page is empty."""
    forward_only_ends_with_empty_page: bool = True
    """Every forward-only page with rows links to a next one, as documented, so that the last page is empty."""
    forward_only_additions: bool = True
    """Whether additions know forward-only paging."""
    agreement_recap: bool = True
    """Whether the right to read agreements includes their invoice recap."""
    lists_lag: dict[Literal["companies", "agreements", "additions", "catalog"], NonNegativeInt] = {}
    """How many lists with conditions miss a record after each write of it, by table."""
    compound_conditions_find_nothing: bool = False
    """Conditions with an `and` are answered with an empty list."""
    unset_dates: Literal["absent", "empty"] = "absent"
    hidden_agreement_types: tuple[int, ...] = ()
    """Agreement types that the role does not see: fewer rows, without an error."""
    additions_need_custom_fields: bool = False
    """PATCH of an addition without `customFields` is refused."""
    keeps_serial_numbers: bool = True
    """Whether a created addition has the serial number that was sent; the answer is 201 either way."""
    invoices_have: tuple[Literal["serial_number", "description"], ...] = ("serial_number", "description")
    """Which labels of their addition the lines of invoices carry."""
    accepts_writes_on_invoiced_additions: bool = True
    accepts_writes_on_inactive_agreements: bool = True
    accepts_delete_of_invoiced_additions: bool = False
    periods: Periods = "anniversary"
    after_short_month: Literal["short", "long"] = "short"
    """Whether periods that began on the 31st continue from 28 February or from 31 March."""
    last_invoice_clears_date: bool = False
    """Whether an agreement has no `nextInvoiceDate` once its last period is invoiced."""
