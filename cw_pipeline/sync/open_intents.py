"""Settling open intents: finding out what became of writes that an earlier push did not finish."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cw_pipeline.billing.accounting import EntryKind
from cw_pipeline.connectwise.errors import RecordUnreadable
from cw_pipeline.sync.read_back import already_invoiced, find_written, results_shown
from cw_pipeline.sync.unreadable import UNUSABLE
from cw_pipeline.vocabulary import counted
from cw_pipeline.warehouse.intents import Intent, Result, answered_ids, append_results, open_intents
from cw_pipeline.wording import failed_writes

if TYPE_CHECKING:
    from collections.abc import Collection

    from cw_pipeline.billing.identity import OrganizationMonth
    from cw_pipeline.sync.sync_run import SyncRun

UNDER_WAY_SECONDS = 60
"""How long ConnectWise may still work on a request whose push is gone. What it carries out later is not noticed; a
killed push should not hold up others for longer."""
LONGEST_BATCH_SECONDS = 3600
"""After so long a batch of writes is over, even if ConnectWise's limits slow it down."""


def settle_open_intents(run: SyncRun) -> dict[OrganizationMonth, str]:
    """Find out what became of every write that an earlier push did not finish, and record it.

    Called under the push lock, so that only requests of killed pushes can still be under way. They are waited for.

    Returns:
        By month and organization, why a write stays open: what became of it cannot be read.

    Raises:
        ConnectWiseError: If ConnectWise cannot be read at all; what is not settled stays open.
    """
    with run.warehouse.transaction() as session:
        intents = open_intents(session, run.psa)
        if not intents:
            return {}
        answered = answered_ids(session, run.psa)
    run.say(f"Settling {counted(len(intents), 'write')} that an earlier push did not finish")
    _let_requests_end(run, intents)
    unsettled: dict[OrganizationMonth, str] = {}
    for intent in intents:
        try:
            _settle(run, intent, answered.get(intent.id))
        except UNUSABLE as error:
            why = failed_writes.unsettled(intent.write, error)
            unsettled[intent.write.identity.organization_month] = why
            run.say(why)
    return unsettled


def _settle(run: SyncRun, intent: Intent, answered: int | None) -> None:
    """Record what became of one write. ConnectWise may have `answered` a created line's id.

    Raises:
        ConnectWiseError: If ConnectWise cannot be read.
    """
    note, write = "Settled by a later push by reading back.", intent.write
    addition = find_written(run, write, answered)
    if addition is None:
        results = [Result(intent, EntryKind.NOT_DONE, note)]
    else:
        invoiced, unread = already_invoiced(run, [write])
        if unread:
            raise RecordUnreadable(unread[write], why=unread[write])
        results = results_shown(intent, addition, invoiced=write in invoiced, note=note)
    with run.warehouse.transaction() as session:
        append_results(session, run.psa, run.run_id, results)


def _let_requests_end(run: SyncRun, intents: Collection[Intent]) -> None:
    """Wait, once for all intents, until no request of a push that is gone can still be under way.

    An intent says when its batch began, not when its request was sent; the other machine's clock may be ahead.
    """
    age = (datetime.now(UTC) - max(intent.at for intent in intents)).total_seconds()
    if age < LONGEST_BATCH_SECONDS + UNDER_WAY_SECONDS:
        run.say("Waiting a minute, since ConnectWise may still be at work on requests of a push that is gone")
        run.wait(UNDER_WAY_SECONDS)
