"""Rebuild the ledger of our lines, for a warehouse that is new or was restored from a backup."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from cw_pipeline.billing.accounting import EntryKind
from cw_pipeline.billing.facts import Line, Unread
from cw_pipeline.billing.identity import Identity
from cw_pipeline.setup.audit import AuditAction, log_action
from cw_pipeline.setup.errors import NotPossible, listed
from cw_pipeline.sync.line_reader import LineReader
from cw_pipeline.sync.open_intents import settle_open_intents
from cw_pipeline.sync.read_agreements import read
from cw_pipeline.sync.seen_lines import append_seen, seen_in
from cw_pipeline.vocabulary import counted
from cw_pipeline.warehouse import ledger
from cw_pipeline.warehouse.mappings import mapping_facts
from cw_pipeline.warehouse.tables import IntegrationRow

if TYPE_CHECKING:
    from cw_pipeline.sync.sync_run import SyncRun
    from cw_pipeline.vocabulary import Month


@dataclass(frozen=True)
class Rebuilt:
    """What a rebuild read and found.

    Attributes:
        companies: The number of mapped companies.
        agreements: The number of their agreements.
        found: Our lines that this warehouse did not know, each with its identity.
        invoiced: Our lines, found or known, that were not known to be invoiced.
        unread: What cannot be read, and may hold lines of ours that are still unknown.
    """

    companies: int
    agreements: int
    found: tuple[tuple[Identity, Line], ...]
    invoiced: frozenset[int]
    unread: tuple[Unread, ...]

    @property
    def by_month(self) -> list[tuple[Month, int, Decimal, int]]:
        """For each month with found lines: their number, their seats, and how many of them were invoiced."""
        months: defaultdict[Month, list[Line]] = defaultdict(list)
        for identity, line in self.found:
            months[identity.month].append(line)
        return [
            (
                month,
                len(lines),
                sum((line.quantity for line in lines), Decimal(0)),
                sum(line.addition_id in self.invoiced for line in lines),
            )
            for month, lines in sorted(months.items())
        ]


def rebuild(run: SyncRun) -> Rebuilt:
    """Enter our lines on every agreement of every mapped company in the ledger; ConnectWise is only read.

    What cannot be read is in the result. Until it can be, each sync looks for it, and holds whom it may concern.

    Raises:
        NotPossible: If no company is mapped, or ConnectWise lists fewer agreements than are there.
    """
    with run.push_lock() as lock:
        settle_open_intents(run)
        with run.warehouse.transaction() as session:
            mappings = mapping_facts(session)
            known = ledger.known_lines(session, run.psa)
        if not mappings:
            raise NotPossible(
                "No company is mapped, so there is nowhere to look. Map the companies as they were, then rebuild."
            )
        companies = {mapping.company_id for mapping in mappings.values()}
        run.say(f"Reading every agreement of {counted(len(companies), 'mapped company', 'mapped companies')}")
        reading = read(LineReader(run, known), {mapping.agreement_id for mapping in mappings.values()}, companies)
        cut_short = listed(sorted(map(str, companies - reading.looked_through)))
        if cut_short:
            raise NotPossible(
                f"ConnectWise did not list all agreements that the companies {cut_short} have, so that lines of ours "
                "may be missing. Nothing was rebuilt. Try again in some minutes."
            )
        seen = seen_in(reading, {}, unsettled=())
        append_seen(run, lock, seen, mappings, found_as=EntryKind.REBUILT)
        with run.warehouse.transaction() as session:
            session.get_one(IntegrationRow, 1).rebuilt_at = datetime.now(UTC)
            after = {"agreements": len(reading.agreements), "found": len(seen.found), "invoiced": len(seen.invoiced)}
            log_action(session, AuditAction.REBUILD, "ledger", after=after)
    return Rebuilt(
        companies=len(companies),
        agreements=len(reading.agreements),
        found=tuple(seen.found),
        invoiced=frozenset(line.addition_id for _, line in seen.invoiced),
        unread=reading.unread,
    )
