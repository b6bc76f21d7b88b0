"""`drift`: what people changed by hand in ConnectWise."""

from __future__ import annotations

from cw_pipeline.cli import lazy
from cw_pipeline.cli.command import command, now
from cw_pipeline.cli.options import AsJson
from cw_pipeline.errors import HELD_OR_FAILED
from cw_pipeline.vocabulary import counted


def drift(*, as_json: AsJson = False) -> None:
    """Find what was edited, deleted, duplicated or cancelled by hand in ConnectWise. Changes nothing there."""
    with command(as_json=as_json) as running:
        run = running.sync_run("drift")
        with running.working("Comparing with ConnectWise"):
            findings = lazy.find_drift.find_drift(run, now().date())
        running.document({"drift": [vars(finding) for finding in findings]})
        if not findings:
            running.say("No drift: lines, companies and agreements are as they were written, imported and mapped.")
            return
        running.table(*lazy.cells.drift(findings))
        running.say(f"{counted(len(findings), 'thing')} drifted. Do what each row says. Then run this again.")
        running.exit_code = HELD_OR_FAILED
