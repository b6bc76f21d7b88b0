"""Deciding about single lines: a person's word that invoiced lines billed what they show now."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlalchemy import select

from cw_pipeline.billing.facts import Facts, Line
from cw_pipeline.billing.holds import is_edited, vanished_after_invoicing
from cw_pipeline.billing.identity import Identity, Plan
from cw_pipeline.billing.window import is_invoiced
from cw_pipeline.integration.audit import Deed, record
from cw_pipeline.integration.errors import NothingToAccept
from cw_pipeline.integration.mapping import the_one
from cw_pipeline.sync.push import LOCK_WAIT_SECONDS
from cw_pipeline.sync.reading import read_agreements, read_lines
from cw_pipeline.warehouse import ledger
from cw_pipeline.warehouse.lock import push_lock
from cw_pipeline.warehouse.tables import Organization

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cw_pipeline.billing.facts import Written
    from cw_pipeline.billing.months import Month
    from cw_pipeline.sync.run import SyncRun


@dataclass(frozen=True)
class Accepted:
    """One line whose quantity was accepted; 0 for a line that ConnectWise no longer shows."""

    identity: Identity
    line: Line
    written: frozenset[Decimal]
    """What the ledger accounted for before; empty where nobody knew."""


def accept_lines(run: SyncRun, month: Month, organization: str) -> list[Accepted]:
    """Take what an organization's invoiced lines of ``month`` show now for what was billed, and record that.

    This settles ``invoiced_edited``. The organization is given by id or exact name. A line that ConnectWise no longer
    shows is taken as having billed nothing.

    Raises:
        UnknownChoice: If there is no such organization.
        NothingToAccept: If every invoiced line of it is as it was written; nothing is recorded.
        LockHeld: If a push is at work for ten minutes.
        ConnectWiseError: If ConnectWise cannot be read; nothing is recorded.
    """
    with push_lock(run.warehouse.engine, run.psa, wait_seconds=LOCK_WAIT_SECONDS, on_wait=run.say):
        with run.warehouse.transaction() as session:
            known = the_one("organization", organization, session.scalars(select(Organization)).all())
            written = ledger.written_lines(session, run.psa, [month])
            serial_numbers = ledger.serial_numbers(session, run.psa)
            agreement_ids = ledger.agreements_with_lines(session, run.psa, [month])
        agreements = read_agreements(run, agreement_ids)
        facts = Facts(agreements=agreements, lines=read_lines(run, agreements, serial_numbers), ledger=written)
        accepted = list(_to_accept(month, known.id, facts))
        if not accepted:
            msg = f"Every invoiced line of {known.name} ({known.id}) for {month} is as it was written."
            raise NothingToAccept(msg)
        with run.warehouse.transaction() as session:
            for one in accepted:
                before = max(one.written, default=Decimal(0))
                ledger.append_acceptance(
                    session, run.psa, run.run_id, one.identity, one.line, before=before, note="Accepted by a person."
                )
                record(
                    session,
                    Deed.ACCEPT_LINES,
                    f"{month} {known.id}",
                    before={"addition_id": one.line.addition_id, "written": sorted(map(str, one.written))},
                    after={"addition_id": one.line.addition_id, "accepted": str(one.line.quantity)},
                )
    return accepted


def _to_accept(month: Month, organization_id: str, facts: Facts) -> Iterator[Accepted]:
    for plan in Plan:
        identity = Identity(month, plan, organization_id)
        edited = [
            line for line in facts.lines_of(identity) if is_invoiced(line, facts, month) and is_edited(line, facts)
        ]
        gone = [_gone(number, facts.ledger[number]) for number in vanished_after_invoicing(identity, facts)]
        for line in edited + gone:
            yield Accepted(identity, line, facts.ledger[line.addition_id].quantities)


def _gone(addition_id: int, known: Written) -> Line:
    return Line(
        addition_id=addition_id,
        agreement_id=known.agreement_id,
        product_id=0,
        serial_number=known.serial_number,
        quantity=Decimal(0),
        effective_date=known.effective_date,
        cancelled_date=known.cancelled_date,
    )
