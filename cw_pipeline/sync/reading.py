"""Reading ConnectWise for a preview: agreements, their companies, and our lines on them, each once."""

from __future__ import annotations

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from cw_pipeline.billing.facts import Agreement, Line
from cw_pipeline.billing.identity import PREFIX
from cw_pipeline.connectwise.errors import NotFound
from cw_pipeline.warehouse.columns import plain

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import date

    from cw_pipeline.connectwise import models
    from cw_pipeline.sync.run import SyncRun


_NEVER = 9000
"""A next invoice, or a start of billing, in this year or later is a person's way to say that there is none."""


def read_agreements(run: SyncRun, agreement_ids: Collection[int]) -> dict[int, Agreement]:
    """The agreements with ``agreement_ids`` as they are now; those that no longer exist are absent.

    A company that ConnectWise no longer shows (merged into another, say) counts as deleted.
    """
    found = list(run.connectwise.agreements_by_id(sorted(agreement_ids)))
    companies = {
        company.id: company
        for company in run.connectwise.companies_by_id(sorted({agreement.company.id for agreement in found}))
    }
    return {agreement.id: _agreement(agreement, companies.get(agreement.company.id)) for agreement in found}


def read_lines(
    run: SyncRun, agreement_ids: Collection[int], serial_numbers: Mapping[int, str]
) -> dict[str, tuple[Line, ...]]:
    """Our lines on these agreements, by serial number."""
    lines: defaultdict[str, tuple[Line, ...]] = defaultdict(tuple)
    for agreement_id, additions in read_additions(run, agreement_ids, serial_numbers).items():
        for addition in additions:
            line = _line(agreement_id, addition, serial_numbers)
            lines[line.serial_number] += (line,)
    return dict(lines)


def read_additions(
    run: SyncRun, agreement_ids: Collection[int], known: Collection[int]
) -> dict[int, list[models.Addition]]:
    """Our additions on these agreements, by agreement: one request each, several at a time.

    Raises:
        ConnectWiseError: If ConnectWise cannot be read, or does not find an agreement, which was there just before.
    """
    ids = sorted(agreement_ids)
    with ThreadPoolExecutor(run.concurrency) as pool:
        return dict(zip(ids, pool.map(partial(_additions_on, run, known=known), ids), strict=True))


def lines_on(run: SyncRun, agreement_id: int, *, serial_numbers: Mapping[int, str]) -> list[Line]:
    """Our lines on one agreement; none if it no longer exists."""
    try:
        additions = _additions_on(run, agreement_id, known=serial_numbers)
    except NotFound:
        # Gateways say 404, too, and then the lines are still there.
        if any(run.connectwise.agreements_by_id([agreement_id])):
            raise
        return []
    return [_line(agreement_id, addition, serial_numbers) for addition in additions]


def _additions_on(run: SyncRun, agreement_id: int, *, known: Collection[int]) -> list[models.Addition]:
    """Our additions on one agreement: by their serial number, or because the ledger knows their id."""

    def is_ours(record: Mapping[str, object]) -> bool:
        return record.get("id") in known or str(record.get("serialNumber") or "").startswith(PREFIX)

    return list(run.connectwise.additions(agreement_id, wanted=is_ours))


def _line(agreement_id: int, addition: models.Addition, serial_numbers: Mapping[int, str]) -> Line:
    """The line as the rule sees it: one that we wrote keeps the serial number that it was written with."""
    return Line(
        addition_id=addition.id,
        agreement_id=agreement_id,
        product_id=addition.product.id,
        serial_number=serial_numbers.get(addition.id, addition.serial_number or ""),
        quantity=plain(addition.quantity),
        effective_date=addition.effective_date,
        cancelled_date=addition.cancelled_date,
    )


def _agreement(agreement: models.Agreement, company: models.Company | None) -> Agreement:
    never_invoiced, never_starts = _is_never(agreement.next_invoice_date), _is_never(agreement.bill_start_date)
    return Agreement(
        id=agreement.id,
        name=agreement.name,
        company_id=agreement.company.id,
        company_name=agreement.company.name or "",
        company_deleted=company is None or company.deleted_flag,
        active=agreement.agreement_status == "Active" and not (agreement.cancelled_flag or never_starts),
        end_date=None if agreement.no_ending_date_flag else agreement.end_date,
        bill_start_date=None if never_starts else agreement.bill_start_date,
        next_invoice_date=None if never_invoiced else agreement.next_invoice_date,
        never_invoiced=never_invoiced,
    )


def _is_never(day: date | None) -> bool:
    return day is not None and day.year >= _NEVER
