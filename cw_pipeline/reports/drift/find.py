"""Drift: what people changed by hand in ConnectWise behind this deployment's back. It is looked at, never corrected."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from sqlalchemy import select

from cw_pipeline.billing.facts import Facts
from cw_pipeline.billing.invoiced import NOTHING
from cw_pipeline.reports.drift.compare import Finding, Mapping, drifted_agreement, drifted_company, unread_finding
from cw_pipeline.reports.drift.compare_lines import KnownLine, drifted_line, found_line
from cw_pipeline.sync.push import LOCK_WAIT_SECONDS
from cw_pipeline.sync.reading import read
from cw_pipeline.sync.recaps import look_at_recaps, written_off
from cw_pipeline.sync.remembering import remember, seen_in
from cw_pipeline.warehouse import ledger
from cw_pipeline.warehouse.lock import push_lock
from cw_pipeline.warehouse.tables import CompanyMappingRow, CompanyRow, OrganizationRow
from cw_pipeline.warehouse.terms import terms_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import date

    from sqlalchemy.orm import Session

    from cw_pipeline.billing.window import Window
    from cw_pipeline.sync.reading import Reading
    from cw_pipeline.sync.remembering import Seen
    from cw_pipeline.sync.sync_run import SyncRun


def find_drift(run: SyncRun, today: date) -> list[Finding]:
    """Compare what was written and mapped with what ConnectWise shows; lines first, by month and organization.

    Looked at are the mappings, all agreements of mapped companies, and every line of a mapped organization since it is
    billed: what an unmapping left behind is left to people. Each agreement's lines are read once, and nothing is
    written to ConnectWise; lines that the ledger does not know are entered there. No push goes on meanwhile, so that no
    line is half known.

    Raises:
        LockHeld: If a push is at work for ten minutes.
        ConnectWiseError: If ConnectWise cannot be read.
    """
    with push_lock(run.warehouse.engine, run.psa, wait_seconds=LOCK_WAIT_SECONDS, on_wait=run.say) as lock:
        with run.warehouse.transaction() as session:
            mappings = _mappings(session)
            lines = _known_lines(session, run.psa, mappings)
            known = ledger.known_lines(session, run.psa)
            unsettled = {intent.serial_number for intent in ledger.open_intents(session, run.psa)}
        agreement_ids = {one.agreement_id for one in mappings} | {one.written.agreement_id for one in lines}
        company_ids = {one.company_id for one in mappings}
        run.say(f"Reading {len(agreement_ids)} agreements, and all others of {len(company_ids)} companies")
        carrying = {
            one.entry.addition_id: one.written.agreement_id for one in lines if one.written.quantities != NOTHING
        }
        reading = read(run, agreement_ids, known, expected=carrying, companies=company_ids)
        seen = seen_in(reading, {one.entry.addition_id: one.written for one in lines}, unsettled)
        remember(run, lock, seen, {one.organization_id for one in mappings})
        look_at_recaps(run, {line.agreement_id for line in reading.lines})
        with run.warehouse.transaction() as session:
            lines = _known_lines(session, run.psa, mappings)
            unbilled = written_off(session, run.psa)
        companies = run.connectwise.companies_by_id(company_ids)

    by_id = {one.id: one for one in companies.records}
    unread_companies = {one.id for one in companies.unreadable}
    unread_agreements = {one.agreement_id for one in reading.unread if one.addition_id is None}
    of_lines = chain(
        _of_lines(lines, reading, seen, unbilled, today),
        (unread_finding(one, mappings) for one in reading.unread),
    )
    of_mappings = chain(
        *(
            drifted_company(one, by_id.get(one.company_id), reading.agreements.get(one.agreement_id))
            for one in mappings
            if one.company_id not in unread_companies
        ),
        *(
            drifted_agreement(one, reading.agreements.get(one.agreement_id), today)
            for one in mappings
            if one.agreement_id not in unread_agreements
        ),
    )
    return sorted(of_lines, key=_place) + sorted(of_mappings, key=_place)


def _mappings(session: Session) -> list[Mapping]:
    rows = session.execute(
        select(CompanyMappingRow, CompanyRow.name, OrganizationRow.name)
        .join(CompanyRow, CompanyRow.id == CompanyMappingRow.company_id)
        .join(OrganizationRow, OrganizationRow.id == CompanyMappingRow.organization_id)
    )
    return [
        Mapping(
            organization_id=row.organization_id,
            organization_name=organization_name,
            company_id=row.company_id,
            company_name=company_name,
            agreement_id=row.agreement_id,
            bill_from=row.bill_from,
            terms=terms_of(row),
        )
        for row, company_name, organization_name in rows
    ]


def _known_lines(session: Session, psa: str, mappings: Iterable[Mapping]) -> list[KnownLine]:
    """The lines that were written for mapped organizations since they are billed."""
    entries = ledger.last_entries(session, psa)
    written = ledger.written_lines(session, psa, {entry.identity.month for entry in entries.values()})
    by_organization = {mapping.organization_id: mapping for mapping in mappings}
    lines = [
        KnownLine(by_organization[entry.identity.organization_id], entry, written[number])
        for number, entry in entries.items()
        if entry.identity.organization_id in by_organization
    ]
    return [line for line in lines if line.identity.month >= line.mapping.bill_from]


def _of_lines(
    known: Sequence[KnownLine], reading: Reading, seen: Seen, unbilled: dict[int, list[Window]], today: date
) -> Iterator[Finding]:
    """The drift of lines; a mapped agreement that is gone is told once, and not line by line."""
    facts = Facts(
        agreements=reading.agreements,
        lines=reading.lines_by_serial_number,
        ledger={line.entry.addition_id: line.written for line in known},
        strangers=reading.strangers,
        today=today,
    )
    shown = {line.addition_id: line for line in reading.lines}
    new = {line.addition_id: (identity, line) for identity, line in seen.found}
    unread_lines = {one.addition_id for one in reading.unread}
    unread_agreements = {one.agreement_id for one in reading.unread if one.addition_id is None}
    for line in known:
        number, agreement_id = line.entry.addition_id, line.written.agreement_id
        is_new = new.pop(number, None) is not None
        if number in unread_lines or agreement_id in unread_agreements:
            continue
        if agreement_id in facts.agreements or agreement_id != line.mapping.agreement_id:
            yield from drifted_line(line, shown.get(number), facts, unbilled, is_new=is_new)
    for identity, line in new.values():
        if line.quantity != 0:
            yield found_line(identity, line)


def _place(finding: Finding) -> tuple[str, str, int, int]:
    return (str(finding.month), finding.organization_id or "", finding.agreement_id, finding.addition_id or 0)
