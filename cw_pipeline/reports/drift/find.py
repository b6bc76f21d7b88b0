"""Find drift: read ConnectWise, and compare it with what was written and mapped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cw_pipeline.billing.facts import Facts
from cw_pipeline.billing.invoiced import NOTHING
from cw_pipeline.reports.drift.compare_lines import KnownLine, drifted_line, found_line
from cw_pipeline.reports.drift.compare_mappings import drifted_agreement, drifted_company, unread_finding
from cw_pipeline.sync.line_reader import LineReader
from cw_pipeline.sync.read_agreements import read
from cw_pipeline.sync.recaps import look_at_recaps, written_off
from cw_pipeline.sync.seen_lines import append_seen, seen_in
from cw_pipeline.vocabulary import counted
from cw_pipeline.warehouse import ledger
from cw_pipeline.warehouse.intents import open_intents
from cw_pipeline.warehouse.mappings import mapping_facts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import date

    from sqlalchemy.orm import Session

    from cw_pipeline.billing.facts import CompanyMapping
    from cw_pipeline.billing.window import Window
    from cw_pipeline.connectwise.models import Company
    from cw_pipeline.connectwise.record_list import RecordList
    from cw_pipeline.reports.drift.findings import Finding
    from cw_pipeline.sync.read_agreements import Reading
    from cw_pipeline.sync.seen_lines import Seen
    from cw_pipeline.sync.sync_run import SyncRun


def find_drift(run: SyncRun, today: date) -> list[Finding]:
    """What differs in ConnectWise from what was written and mapped, by month and organization; without a month last.

    Covers the mappings, all agreements of mapped companies, and the lines of mapped organizations from their
    `bill_from` on, but not the lines of organizations that were unmapped. Nothing is written to ConnectWise; lines that
    the ledger does not know are entered there. Holds the push lock, so that no line is compared while it is written.

    Raises:
        LockHeld: If a push is at work for ten minutes.
        ConnectWiseError: If ConnectWise cannot be read.
    """
    with run.push_lock() as lock:
        with run.warehouse.transaction() as session:
            mappings = mapping_facts(session)
            lines = _known_lines(session, run.psa, mappings)
            known = ledger.known_lines(session, run.psa)
            unsettled = {intent.write.identity.serial_number for intent in open_intents(session, run.psa)}
        written = {line.entry.addition_id: line.written for line in lines}
        agreement_ids = {one.agreement_id for one in (*mappings.values(), *written.values())}
        company_ids = {mapping.company_id for mapping in mappings.values()}
        companies = counted(len(company_ids), "company", "companies")
        run.say(f"Reading {counted(len(agreement_ids), 'agreement')}, and all others of {companies}")
        carrying = {number: line.agreement_id for number, line in written.items() if line.quantities != NOTHING}
        reading = read(LineReader(run, known, expected=carrying), agreement_ids, company_ids)
        seen = seen_in(reading, written, unsettled)
        append_seen(run, lock, seen, mappings.keys())
        look_at_recaps(run, {line.agreement_id for line in reading.lines})
        with run.warehouse.transaction() as session:
            if seen.found or seen.invoiced:
                lines = _known_lines(session, run.psa, mappings)
            unbilled = written_off(session, run.psa)
        others = run.connectwise.companies_by_id(company_ids - reading.companies.keys() - reading.unread_companies)

    findings = [
        *_of_lines(lines, reading, seen, unbilled, today),
        *(unread_finding(record, mappings.values()) for record in reading.unread),
        *_of_mappings(mappings.values(), reading, others, today),
    ]
    return sorted(findings, key=lambda finding: finding.place)


def _known_lines(session: Session, psa: str, mappings: Mapping[str, CompanyMapping]) -> list[KnownLine]:
    """The lines that were written for mapped organizations since they are billed."""
    lines = [
        KnownLine(mappings[entry.identity.organization_id], entry, written)
        for entry, written in ledger.accounted_lines(session, psa).values()
        if entry.identity.organization_id in mappings
    ]
    return [line for line in lines if line.identity.month >= line.mapping.bill_from]


def _of_lines(
    known: Sequence[KnownLine],
    reading: Reading,
    seen: Seen,
    unbilled: Mapping[int, Sequence[Window]],
    today: date,
) -> Iterator[Finding]:
    """The drift of lines; a mapped agreement that is gone is one finding, not one for each line."""
    facts = Facts(
        agreements=reading.agreements,
        lines=reading.lines_by_serial_number,
        ledger={line.entry.addition_id: line.written for line in known},
        strangers=reading.strangers,
        today=today,
    )
    shown = {line.addition_id: line for line in reading.lines}
    new = {line.addition_id: (identity, line) for identity, line in seen.found}
    unread_lines, unread_agreements = {record.addition_id for record in reading.unread}, reading.unread_agreements
    for line in known:
        addition_id, agreement_id = line.entry.addition_id, line.written.agreement_id
        is_new = new.pop(addition_id, None) is not None
        if addition_id in unread_lines or agreement_id in unread_agreements:
            continue
        if agreement_id in facts.agreements or agreement_id != line.mapping.agreement_id:
            yield from drifted_line(line, shown.get(addition_id), facts, unbilled, is_new=is_new)
    for identity, line in new.values():
        if line.quantity != 0:
            yield found_line(identity, line)


def _of_mappings(
    mappings: Iterable[CompanyMapping], reading: Reading, others: RecordList[Company], today: date
) -> Iterator[Finding]:
    """The drift of mapped companies and agreements; `others` are companies of which no agreement was read."""
    companies = reading.companies | {company.id: company for company in others.records}
    unread_companies = reading.unread_companies | {company.id for company in others.unreadable}
    unread_agreements = reading.unread_agreements
    for mapping in mappings:
        agreement = reading.agreements.get(mapping.agreement_id)
        if mapping.company_id not in unread_companies:
            yield from drifted_company(mapping, companies.get(mapping.company_id), agreement)
        if mapping.agreement_id not in unread_agreements:
            yield from drifted_agreement(mapping, agreement, today)
