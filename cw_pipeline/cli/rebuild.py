"""`rebuild`: find our lines again for a new or restored warehouse."""

from __future__ import annotations

import typer

from cw_pipeline.cli.environment import opened_dagster, opened_sync_run, read_settings
from cw_pipeline.cli.output import AsJson, command_output, number
from cw_pipeline.errors import HELD_OR_FAILED


def rebuild(*, as_json: AsJson = False) -> None:
    """Look through every agreement of every mapped company for our lines, and remember them.

    For a warehouse that is new or was restored from a backup, after the companies are mapped as they are billed.
    Nothing is written to ConnectWise.
    """
    from cw_pipeline.orchestration.assets.setup import report_setup
    from cw_pipeline.setup.rebuild import rebuild as rebuild_ledger
    from cw_pipeline.wording.hold_reasons import CORRECT_IT, cannot_be_read

    with command_output(as_json=as_json) as output:
        settings = read_settings()
        with opened_dagster(settings) as dagster, opened_sync_run(settings, "rebuild", output.notice) as run:
            rebuilt = rebuild_ledger(run)
            report_setup(dagster, run.warehouse)
        unreadable = [f"{cannot_be_read(one)} {CORRECT_IT}" for one in rebuilt.unread]
        output.document(
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
            output.table(
                ["Month", "Lines", "Seats", "Invoiced"], rebuilt.by_month, right=["Lines", "Seats", "Invoiced"]
            )
        output.say(
            f"Looked through {rebuilt.agreements} agreements of {rebuilt.companies} companies: found "
            f"{len(rebuilt.found)} line(s) that this warehouse did not know, and {len(rebuilt.invoiced)} that it did "
            "not know to be invoiced. Carry on with `cw-pipeline preview`."
        )
        for sentence in unreadable:
            output.notice(sentence)
        if unreadable:
            raise typer.Exit(HELD_OR_FAILED)
