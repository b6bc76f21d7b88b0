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

    from cw_pipeline.connectwise import models
    from cw_pipeline.sync.run import SyncRun


_NEVER = 9000
"""A next invoice in this year or later is a person's way to say that there is none."""


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
    """Our lines on these agreements, by serial number: one request an agreement, several at a time."""
    with ThreadPoolExecutor(run.concurrency) as pool:
        by_agreement = pool.map(partial(lines_on, run, serial_numbers=serial_numbers), sorted(agreement_ids))
    lines: defaultdict[str, tuple[Line, ...]] = defaultdict(tuple)
    for agreement_lines in by_agreement:
        for line in agreement_lines:
            lines[line.serial_number] += (line,)
    return dict(lines)


def lines_on(run: SyncRun, agreement_id: int, *, serial_numbers: Mapping[int, str]) -> list[Line]:
    """Our lines on one agreement; none if it no longer exists.

    A line is ours by its serial number, or because the ledger shows that we wrote it: then it keeps the one of
    ``serial_numbers``, by addition id, that it was written with, whatever a person made of it.
    """

    def is_ours(record: Mapping[str, object]) -> bool:
        return record.get("id") in serial_numbers or str(record.get("serialNumber") or "").startswith(PREFIX)

    try:
        additions = list(run.connectwise.additions(agreement_id, wanted=is_ours))
    except NotFound:
        return []
    return [
        Line(
            addition_id=addition.id,
            agreement_id=agreement_id,
            product_id=addition.product.id,
            serial_number=serial_numbers.get(addition.id, addition.serial_number or ""),
            quantity=plain(addition.quantity),
            effective_date=addition.effective_date,
            cancelled_date=addition.cancelled_date,
        )
        for addition in additions
    ]


def _agreement(agreement: models.Agreement, company: models.Company | None) -> Agreement:
    never_invoiced = agreement.next_invoice_date is not None and agreement.next_invoice_date.year >= _NEVER
    return Agreement(
        id=agreement.id,
        name=agreement.name,
        company_id=agreement.company.id,
        company_name=agreement.company.name or "",
        company_deleted=company is None or company.deleted_flag,
        active=agreement.agreement_status == "Active" and not agreement.cancelled_flag and not never_invoiced,
        end_date=None if agreement.no_ending_date_flag else agreement.end_date,
        bill_start_date=agreement.bill_start_date,
        next_invoice_date=None if never_invoiced else agreement.next_invoice_date,
    )
