"""What ConnectWise shows of our lines and the ledger does not know yet, and how that is entered there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import update

from cw_pipeline.billing.accounting import EntryKind
from cw_pipeline.billing.facts import Line, Written
from cw_pipeline.billing.identity import Identity, as_marked
from cw_pipeline.billing.invoiced import was_seen_invoiced
from cw_pipeline.vocabulary import counted
from cw_pipeline.warehouse import ledger
from cw_pipeline.warehouse.ledger import Known
from cw_pipeline.warehouse.tables import CompanyMappingRow

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from cw_pipeline.sync.read_agreements import Reading
    from cw_pipeline.sync.sync_run import SyncRun
    from cw_pipeline.warehouse.lock import HeldLock


@dataclass(frozen=True)
class Seen:
    """What a reading shows that the ledger does not know yet, each line with its identity.

    Attributes:
        found: Lines of ours that the ledger does not know.
        invoiced: Lines, including found ones, that the ledger does not know to be invoiced.
        looked_through: The companies all of whose agreements were read.
        in_part: The companies with unreadable records: they have to be looked through again.
    """

    found: Sequence[tuple[Identity, Line]]
    invoiced: Sequence[tuple[Identity, Line]]
    looked_through: frozenset[int]
    in_part: frozenset[int] = frozenset()

    def added_to(self, written: Mapping[int, Written]) -> dict[int, Written]:
        """What the ledger, which accounts for `written`, accounts for once this is entered."""
        accounted = {line.addition_id: _as_found(identity, line) for identity, line in self.found} | dict(written)
        for _, line in self.invoiced:
            if line.addition_id in accounted:
                accounted[line.addition_id] = replace(accounted[line.addition_id], invoiced=True)
        return accounted

    def added_to_known(self, known: Mapping[int, Known]) -> dict[int, Known]:
        """What the ledger, which knows `known`, knows once this is entered."""
        return {**known} | {
            line.addition_id: Known(
                line.serial_number, frozenset({line.product_id}), frozenset({line.agreement_id}), invoiced=False
            )
            for _, line in self.found
        }


def seen_in(reading: Reading, written: Mapping[int, Written], unsettled: Collection[str]) -> Seen:
    """What `reading` shows that the ledger, which accounts for `written`, does not know yet.

    A line with one of the `unsettled` serial numbers may be what an open intent created. Settling that records it.
    """
    found = [(identity, line) for identity, line in reading.found if line.serial_number not in unsettled]
    not_invoiced = {addition_id for addition_id, known in reading.known.items() if not known.invoiced}
    known = [(Identity.parse(line.serial_number), line) for line in reading.lines if line.addition_id in not_invoiced]
    invoiced: list[tuple[Identity, Line]] = []
    for identity, line in (*found, *known):
        agreement = reading.agreements[line.agreement_id]
        if identity and was_seen_invoiced(line, written.get(line.addition_id), agreement, identity.month):
            invoiced.append((identity, line))
    return Seen(found, invoiced, frozenset(reading.looked_through - reading.in_part), frozenset(reading.in_part))


def append_seen(
    run: SyncRun, lock: HeldLock, seen: Seen, organization_ids: Iterable[str], *, found_as: EntryKind = EntryKind.FOUND
) -> None:
    """Enter what was `seen` in the ledger, and which companies need not be looked through again.

    A line that another push is creating would count as found, so the `lock` has to be held. A line shows a long
    organization id only as a digest: `organization_ids` are those that it may stand for.

    Raises:
        LockLost: If the push lock is no longer ours; nothing is entered.
    """
    if not (seen.found or seen.invoiced or seen.looked_through or seen.in_part):
        return
    lock.check()
    owners = {as_marked(organization_id): organization_id for organization_id in organization_ids}
    now = datetime.now(UTC)
    with run.warehouse.transaction() as session:
        for kind, lines in ((found_as, seen.found), (EntryKind.INVOICED, seen.invoiced)):
            of_owners = [
                (replace(marked, organization_id=owners.get(marked.organization_id, marked.organization_id)), line)
                for marked, line in lines
            ]
            ledger.append_lines(session, run.psa, run.run_id, of_owners, kind=kind, at=now)
        row = CompanyMappingRow
        is_new = (row.company_id.in_(seen.looked_through), row.looked_through_at.is_(None))
        session.execute(update(row).where(*is_new).values(looked_through_at=now))
        session.execute(update(row).where(row.company_id.in_(seen.in_part)).values(looked_through_at=None))
    if seen.found:
        run.say(f"Found {counted(len(seen.found), 'line')} of ours that this warehouse did not know")


def _as_found(identity: Identity, line: Line) -> Written:
    """What the ledger will account for on a line that was found."""
    return Written(
        agreement_id=line.agreement_id,
        serial_number=line.serial_number,
        quantities=frozenset({line.quantity}),
        effective_date=line.effective_date or identity.month.first_day,
        cancelled_date=line.cancelled_date,
        found=True,
        known_since=datetime.max.replace(tzinfo=UTC),
    )
