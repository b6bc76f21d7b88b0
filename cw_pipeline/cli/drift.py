"""`drift`: what people changed by hand in ConnectWise."""

from __future__ import annotations

import typer

from cw_pipeline.cli.environment import now, opened_sync_run, read_settings
from cw_pipeline.cli.output import AsJson, command_output
from cw_pipeline.errors import HELD_OR_FAILED


def drift(*, as_json: AsJson = False) -> None:
    """What was edited, deleted, duplicated or cancelled by hand in ConnectWise. Nothing is written or changed."""
    from cw_pipeline.reports.drift.find import find_drift
    from cw_pipeline.wording.cells import of_finding

    with command_output(as_json=as_json) as output:
        settings = read_settings()
        with opened_sync_run(settings, "drift", output.notice) as run:
            findings = find_drift(run, now().date())
        output.document({"drift": [vars(finding) for finding in findings]})
        if not findings:
            output.say("Lines, companies and agreements are as they were written, imported and mapped.")
            return
        output.table(
            ["Kind", "Month", "Organization", "Agreement", "Line", "Expected", "Found", "What to do"],
            map(of_finding, findings),
            right=["Agreement", "Line"],
        )
        output.say(f"{len(findings)} thing(s) drifted: each says what to do about it. Then run this again.")
        raise typer.Exit(HELD_OR_FAILED)
