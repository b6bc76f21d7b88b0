"""`notify`: trying the addresses to which messages go."""

from __future__ import annotations

import typer

from cw_pipeline.cli.output import AsJson, command_output
from cw_pipeline.errors import HELD_OR_FAILED


def notify(*, as_json: AsJson = False) -> None:
    """Send a test message to each address in CW_PIPELINE_NOTIFY."""
    from cw_pipeline.notifications import send
    from cw_pipeline.settings import Messages, NotSetUp

    with command_output(as_json=as_json) as output:
        addresses = Messages().cw_pipeline_notify
        if addresses is None:
            msg = "CW_PIPELINE_NOTIFY is not set. Set it to one or more addresses of apprise, with blanks between them."
            raise NotSetUp(msg)
        delivery = send(
            addresses,
            title="cw_pipeline: a test message",
            lines=["This was sent by `cw-pipeline notify`. You will be told here of runs and checks that fail."],
        )
        output.document(vars(delivery))
        if delivery.failed:
            output.notice(delivery.complaint)
            raise typer.Exit(HELD_OR_FAILED)
        output.say(f"Sent a test message to {', '.join(delivery.told)}. See that it arrived.")
