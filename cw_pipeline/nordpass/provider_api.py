"""The Provider API as a source: its paging, and its replies, checked field by field.

The contract is an assumption (`docs/reference/nordpass-contract.md`).
"""

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Generic, TypeVar, cast

import requests
from pydantic import BaseModel, BeforeValidator, StrictBool, StringConstraints, ValidationError
from pydantic_core import from_json
from typing_extensions import override

from cw_pipeline.nordpass.errors import Fault, MalformedReport, Refused, ReportNotFinal, UnknownMonth
from cw_pipeline.nordpass.fields import EXPECTED, UNIQUE, quoted
from cw_pipeline.nordpass.models import (
    MOST_ORGANIZATIONS,
    BillingMonth,
    NewOrganization,
    Organization,
    UsageReport,
    UsageRow,
    UtcDatetime,
)
from cw_pipeline.nordpass.source import NordPass
from cw_pipeline.nordpass.tokens import token_maker
from cw_pipeline.nordpass.transport import Transport
from cw_pipeline.vocabulary import Month

MOST_PAGES: Final = 1_000
_MOST_ITEMS_ON_A_PAGE: Final = 10_000
_LONGEST_CURSOR: Final = 4_000
_IDEMPOTENCY_KEY: Final = re.compile(r"[!-~]{1,255}")
_WHAT_TO_DO: Final = (
    "Run this again; if it stays so, the API differs from docs/reference/nordpass-contract.md: compare it with the "
    "guide in NordPass's panel, and use the panel's usage exports (NORDPASS_USAGE_DIR) meanwhile."
)


_Item = TypeVar("_Item", bound=BaseModel)


def _not_too_many(items: object) -> object:
    """Refuse an endless page with one fault, not with one per item."""
    if isinstance(items, list) and len(cast("list[object]", items)) > _MOST_ITEMS_ON_A_PAGE:
        raise ValueError(f"at most {_MOST_ITEMS_ON_A_PAGE} items are expected")
    return cast("object", items)


class _Page(BaseModel, Generic[_Item]):
    items: Annotated[tuple[_Item, ...], BeforeValidator(_not_too_many)]
    next_cursor: Annotated[str, StringConstraints(min_length=1, max_length=_LONGEST_CURSOR)] | None


class _UsagePage(_Page[UsageRow]):
    month: BillingMonth
    final: StrictBool
    generated_at: UtcDatetime


_Model = TypeVar("_Model", bound=BaseModel)
_PageType = TypeVar("_PageType", bound=_Page[Any])


class ProviderApi(NordPass):
    """NordPass's Provider API.

    Args:
        base_url: `https://` address of the API.
        msp_id: The MSP's id, which the tokens name.
        private_key: The MSP's private key as PEM text.
        ca_bundle: PEM file of the certificate authorities to trust instead of the public ones.
        sleep: Waits so many seconds before a retry.

    Raises:
        InvalidSetting: The address, the key or the certificate file cannot be used.
    """

    def __init__(
        self,
        base_url: str,
        *,
        msp_id: str,
        private_key: str,
        ca_bundle: Path | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._msp_id = msp_id
        self._transport = Transport(base_url, token_maker(msp_id, private_key), ca_bundle, sleep)

    def __repr__(self) -> str:
        return f"ProviderApi(msp_id={self._msp_id!r})"

    @override
    def organizations(self) -> tuple[Organization, ...]:
        return _each_once(self._pages("/v1/organizations", {}, _Page[Organization]), "id")

    @override
    def monthly_usage(self, month: Month) -> UsageReport:
        pages: list[tuple[str, _UsagePage]] = []
        try:
            for source, page in self._pages("/v1/usage/monthly", {"month": str(month)}, _UsagePage):
                first = pages[0][1] if pages else page
                _require_same_report(source, page, first, month)
                pages.append((source, page))
        except Refused as refused:
            if refused.status != requests.codes.not_found:
                raise
            raise UnknownMonth(
                f"NordPass has no usage for {month} (HTTP 404: {refused.words}). If the month is over and NordPass was "
                "in use, download its export from the panel's Usage data tab and run it with NORDPASS_USAGE_DIR."
            ) from refused
        source, report = pages[0]
        if not report.final:
            raise ReportNotFinal(month, source, "NordPass says so")
        if report.generated_at < month.closes_at:
            reason = f"it was made at {report.generated_at.isoformat()}, before the month ended"
            raise ReportNotFinal(month, source, reason)
        return UsageReport(month=month, generated_at=report.generated_at, rows=_each_once(pages, "organization_id"))

    @override
    def add_organization(self, new: NewOrganization, *, idempotency_key: str) -> Organization:
        if not _IDEMPOTENCY_KEY.fullmatch(idempotency_key):
            raise ValueError("the idempotency key must be 1 to 255 visible ASCII characters")
        path = "/v1/organizations"
        source = f"POST {self._transport.base_url}{path}"
        added = _parsed(self._transport.post(path, new, idempotency_key=idempotency_key), Organization, source)
        faults = [
            Fault(quoted(str(expected)), quoted(str(found)), column=column)
            for column in ("name", "plan", "license_type")
            if (expected := getattr(new, column)) != (found := getattr(added, column))
        ]
        if faults:
            raise MalformedReport(source, faults, "Look in NordPass's panel which organization was added.")
        return added

    @override
    def close(self) -> None:
        self._transport.close()

    def _pages(
        self, path: str, params: Mapping[str, str], page_type: type[_PageType]
    ) -> Iterator[tuple[str, _PageType]]:
        """Follow the cursors to the end; each page comes with its name for messages."""
        cursors: set[str] = set()
        query, read = dict(params), 0
        for number in range(1, MOST_PAGES + 1):
            source = f"GET {self._transport.base_url}{path}, page {number}"
            page = _parsed(self._transport.get(path, query), page_type, source)
            read += len(page.items)
            if read > MOST_ORGANIZATIONS:
                fault = Fault(f"at most {MOST_ORGANIZATIONS} organizations in all", str(read))
                raise MalformedReport(source, [fault], _WHAT_TO_DO)
            yield source, page
            if page.next_cursor is None:
                return
            if page.next_cursor in cursors:
                fault = Fault("a cursor that was not there before", quoted(page.next_cursor), column="next_cursor")
                raise MalformedReport(source, [fault], _WHAT_TO_DO)
            cursors.add(page.next_cursor)
            query["cursor"] = page.next_cursor
        raise MalformedReport(f"GET {path}", [Fault(f"at most {MOST_PAGES} pages")], _WHAT_TO_DO)


def _parsed(body: bytes, model: type[_Model], source: str) -> _Model:
    """Read a JSON body strictly: a number in quotes, or 5.0 for a count, is not a number.

    Raises:
        MalformedReport: The body is not JSON or not in the assumed form.
    """
    try:
        # `model_validate_json` would keep a copy of the input in each error, perhaps of the whole reply.
        return model.model_validate(from_json(body))
    except ValidationError as error:
        faults = [
            _fault(detail["type"], detail["loc"], detail["input"])
            for detail in error.errors(include_url=False, include_context=False)
        ]
    except ValueError:
        faults = [Fault("JSON")]
    raise MalformedReport(source, faults, _WHAT_TO_DO)


def _fault(kind: str, location: Sequence[int | str], value: object) -> Fault:
    names = [part for part in location if isinstance(part, str)]
    row = next((part + 1 for part in location if isinstance(part, int)), None)
    column = names[-1] if names and names[-1] in EXPECTED else None
    if row is not None and names[-1] == "items":
        return Fault("an object", quoted(value), row)
    expected = EXPECTED[column] if column else "an object"
    return Fault(expected, "nothing" if kind == "missing" else quoted(value), row, column)


def _require_same_report(source: str, page: _UsagePage, first: _UsagePage, month: Month) -> None:
    """Refuse a page of another month, or of a report that replaced the first page's."""
    expected = {"month": month, "final": first.final, "generated_at": first.generated_at}
    faults = [
        Fault(f"{value} on every page", quoted(str(getattr(page, column))), column=column)
        for column, value in expected.items()
        if getattr(page, column) != value
    ]
    if faults:
        raise MalformedReport(source, faults, _WHAT_TO_DO)


def _each_once(pages: Iterable[tuple[str, _Page[_Item]]], column: str) -> tuple[_Item, ...]:
    """The items of all pages, sorted by the id in `column`.

    Raises:
        MalformedReport: An id occurs twice.
    """
    items: dict[str, _Item] = {}
    for source, page in pages:
        for number, item in enumerate(page.items, start=1):
            id_ = str(getattr(item, column))
            if id_ in items:
                raise MalformedReport(source, [Fault(UNIQUE, quoted(id_), number, column)], _WHAT_TO_DO)
            items[id_] = item
    return tuple(items[id_] for id_ in sorted(items))
