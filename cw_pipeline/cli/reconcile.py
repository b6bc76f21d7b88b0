"""`reconcile`: whether ConnectWise's invoices have what was pushed."""

from __future__ import annotations

from cw_pipeline.cli import lazy
from cw_pipeline.cli.command import command, now
from cw_pipeline.cli.months import months_asked
from cw_pipeline.cli.options import AsJson, FromOption, MonthOption, ToOption
from cw_pipeline.errors import HELD_OR_FAILED


def reconcile(
    month: MonthOption = None, first: FromOption = None, last: ToOption = None, *, as_json: AsJson = False
) -> None:
    """Compare our invoiced lines with ConnectWise's invoices. Changes nothing. Default: the last twelve closed months.

    The API member needs a right to read invoices that nothing else needs; `connect` shows whether it has one.
    """
    with command(as_json=as_json) as running:
        chosen = month is not None or first is not None or last is not None
        months = (
            months_asked(month, first, last, earliest=running.first_month, moment=now())
            if chosen
            else lazy.reconcile.last_months(now())
        )
        run = running.sync_run("reconcile")
        with running.working("Comparing with invoices"):
            found = lazy.reconcile.reconcile(run, months)
        running.document(
            {
                "source": found.source,
                "by_quantity": found.by_quantity,
                "unreadable": found.unreadable,
                "lines": [{**vars(line), "what_to_do": lazy.reconciliation.what_to_do(line)} for line in found.lines],
            }
        )
        running.notice(*found.unreadable, *([lazy.reconciliation.BY_QUANTITY] if found.by_quantity else []))
        running.table(*lazy.reconciliation.by_month(found))
        running.table(*lazy.reconciliation.differences(found))
        running.say(lazy.reconciliation.summary(found))
        if found.differing:
            running.exit_code = HELD_OR_FAILED
