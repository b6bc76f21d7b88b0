"""`rebuild`: find our lines for a new or restored warehouse."""

from __future__ import annotations

from cw_pipeline.cli import lazy
from cw_pipeline.cli.command import setup_command
from cw_pipeline.cli.options import AsJson
from cw_pipeline.cli.output import number
from cw_pipeline.errors import HELD_OR_FAILED
from cw_pipeline.vocabulary import counted


def rebuild(*, as_json: AsJson = False) -> None:
    """Search every agreement of every mapped company for our lines, and enter them in the ledger.

    For a new warehouse, or one restored from a backup, once the companies are mapped as they are billed. Writes nothing
    to ConnectWise.
    """
    with setup_command(as_json=as_json) as running:
        run = running.sync_run("rebuild")
        with running.working("Searching the agreements in ConnectWise"):
            rebuilt = lazy.rebuild.rebuild(run)
        unreadable = [
            f"{lazy.hold_reasons.cannot_be_read(one)} {lazy.hold_reasons.CORRECT_IT}" for one in rebuilt.unread
        ]
        running.document(
            {
                "companies": rebuilt.companies,
                "agreements": rebuilt.agreements,
                "found": [
                    {
                        "month": str(identity.month),
                        "organization_id": identity.organization_id,
                        "plan": identity.plan,
                        "agreement_id": line.agreement_id,
                        "addition_id": line.addition_id,
                        "quantity": number(line.quantity),
                        "invoiced": line.addition_id in rebuilt.invoiced,
                    }
                    for identity, line in rebuilt.found
                ],
                "invoiced": len(rebuilt.invoiced),
                "unreadable": unreadable,
            }
        )
        if rebuilt.found:
            running.table(["Month", "Lines", "Seats", "Invoiced"], rebuilt.by_month)
        running.say(
            f"Searched {counted(rebuilt.agreements, 'agreement')} of "
            f"{counted(rebuilt.companies, 'company', 'companies')}. New to this warehouse: "
            f"{counted(len(rebuilt.found), 'line')}; now known to be invoiced: {len(rebuilt.invoiced)}. "
            "Next, run `cw-pipeline preview`."
        )
        running.notice(*unreadable)
        if unreadable:
            running.exit_code = HELD_OR_FAILED
