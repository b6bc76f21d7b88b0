"""Making previews: the rule applied to what ConnectWise, the mappings and the ledger show now."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

from cw_pipeline.billing.facts import CompanyMapping, Facts
from cw_pipeline.billing.identity import Plan
from cw_pipeline.billing.months import Month
from cw_pipeline.billing.rule import preview_month
from cw_pipeline.sync.reading import read_agreements, read_lines
from cw_pipeline.sync.run import SyncError
from cw_pipeline.warehouse import ledger, tables
from cw_pipeline.warehouse.previews import latest_preview, save_preview
from cw_pipeline.warehouse.usage import latest_report, usage_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from cw_pipeline.billing.preview import Preview
    from cw_pipeline.sync.run import SyncRun

_HOLDS_FOR = timedelta(minutes=15)
"""How long nobody is expected to change ConnectWise by hand between a preview and its push."""


def make_previews(run: SyncRun, months: Sequence[Month]) -> list[tables.Preview]:
    """Make and keep the previews of ``months``, reading each agreement's lines once for all of them.

    The requests are counted on the first preview.

    Raises:
        SyncError: If a month has no usage report.
        ConnectWiseError: If ConnectWise cannot be read; no preview is kept.
    """
    requests_before = run.connectwise.requests.read
    made_at = datetime.now(UTC)  # before anything is read: what changes meanwhile is later than the preview
    read = _read(run, months)
    requests = run.connectwise.requests.read - requests_before

    with run.warehouse.transaction() as session:
        return [
            save_preview(
                session,
                read.preview(month),
                psa=run.psa,
                run_id=run.run_id,
                made_at=made_at,
                usage_report_id=read.reports[month].id,
                mappings_fingerprint=read.basis.fingerprint,
                ledger_position=read.position,
                requests_read=requests if index == 0 else 0,
            )
            for index, month in enumerate(months)
        ]


def preview_now(run: SyncRun, month: Month) -> tuple[Preview, Facts]:
    """What a push of ``month`` would do at this moment, and the facts that say so; nothing is kept.

    Raises:
        SyncError: If the month has no usage report.
        ConnectWiseError: If ConnectWise cannot be read.
    """
    read = _read(run, [month])
    return read.preview(month), read.facts


def current_previews(run: SyncRun, months: Sequence[Month]) -> list[tables.Preview]:
    """The previews of ``months``, made anew unless this run made them just now and nothing has changed since.

    Called under the push lock, so that the ledger cannot change until they are carried out.
    """
    with run.warehouse.transaction() as session:
        kept = {month: preview for month in months if (preview := latest_preview(session, run.psa, month))}
        basis = _basis(session)
        position = ledger.position(session, run.psa)
        stale = [
            month
            for month in months
            if month not in kept
            or kept[month].run_id != run.run_id
            or _is_old(kept[month])
            or kept[month].ledger_position != position
            or kept[month].mappings_fingerprint != basis.fingerprint
            or kept[month].usage_report_id != usage_report(session, month).id
        ]
    if stale:
        run.say(f"Previewing {', '.join(map(str, stale))}")
        kept.update(zip(stale, make_previews(run, stale), strict=True))
    return [kept[month] for month in months]


def renewed_if_old(run: SyncRun, preview: tables.Preview) -> tables.Preview:
    """``preview``, made anew if the months that were pushed before it took long.

    Called under the push lock.
    """
    if not _is_old(preview):
        return preview
    run.say(f"Previewing {preview.month} again, since its preview is old by now")
    (renewed,) = make_previews(run, [Month.parse(preview.month)])
    return renewed


def _is_old(preview: tables.Preview) -> bool:
    return preview.made_at < datetime.now(UTC) - _HOLDS_FOR


@dataclass(frozen=True)
class _Basis:
    """What people decided: which organization is billed where, and as which product."""

    mappings: dict[str, CompanyMapping]
    products: dict[Plan, int]

    @property
    def fingerprint(self) -> str:
        decided = repr((sorted(self.mappings.items()), sorted(self.products.items())))
        return hashlib.sha256(decided.encode()).hexdigest()


@dataclass(frozen=True)
class _Read:
    """What previews are made of, as it was read."""

    basis: _Basis
    position: int
    reports: dict[Month, tables.UsageReport]
    facts: Facts

    def preview(self, month: Month) -> Preview:
        return preview_month(month, usage_of(self.reports[month]), self.facts)


def _read(run: SyncRun, months: Sequence[Month]) -> _Read:
    with run.warehouse.transaction() as session:
        basis = _basis(session)
        position = ledger.position(session, run.psa)
        written = ledger.written_lines(session, run.psa, months)
        serial_numbers = ledger.serial_numbers(session, run.psa)
        to_read = {mapping.agreement_id for mapping in basis.mappings.values()}
        to_read |= ledger.agreements_with_lines(session, run.psa, months)
        reports = {month: usage_report(session, month) for month in months}

    run.say(f"Reading {len(to_read)} agreements and their lines for {len(months)} month(s)")
    agreements = read_agreements(run, to_read)
    lines = read_lines(run, agreements, serial_numbers)
    return _Read(basis, position, reports, Facts(basis.mappings, basis.products, agreements, lines, written))


def _basis(session: Session) -> _Basis:
    integration = session.get(tables.Integration, 1)
    if integration is None or integration.state != "active":
        msg = "The integration is not active any more. Nothing is written. See `cw-pipeline status`."
        raise SyncError(msg)
    mappings = session.execute(
        select(tables.CompanyMapping, tables.Organization.name).join(
            tables.Organization, tables.Organization.id == tables.CompanyMapping.organization_id
        )
    )
    products = session.scalars(select(tables.ProductMapping))
    return _Basis(
        mappings={
            row.organization_id: CompanyMapping(
                organization_id=row.organization_id,
                organization_name=name,
                company_id=row.company_id,
                agreement_id=row.agreement_id,
                bill_from=Month.parse(row.bill_from),
            )
            for row, name in mappings
        },
        products={Plan(row.plan): row.confirmed_product_id for row in products if row.confirmed_product_id is not None},
    )


def usage_report(session: Session, month: Month) -> tables.UsageReport:
    """The usage that a preview of ``month`` is made of.

    Raises:
        SyncError: If there is none yet.
    """
    report = latest_report(session, month)
    if report is None:
        msg = f"There is no usage report for {month} yet. Materialize monthly_usage for it, or run the whole sync."
        raise SyncError(msg)
    return report
