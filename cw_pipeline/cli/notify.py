"""`notify`: a test message."""

from __future__ import annotations

from cw_pipeline.cli import rooms
from cw_pipeline.cli.options import AsJson
from cw_pipeline.cli.output import Output, command_output
from cw_pipeline.errors import HELD_OR_FAILED


def notify(*, as_json: AsJson = False) -> None:
    """Send a test message to each address in CW_PIPELINE_NOTIFY."""
    with command_output(Output(as_json=as_json)) as output:
        addresses = rooms.settings.Messages().cw_pipeline_notify
        if addresses is None:
            msg = "CW_PIPELINE_NOTIFY is not set. Set it to one or more addresses of apprise, with blanks between them."
            raise rooms.settings.NotSetUp(msg)
        delivery = rooms.notifications.send(
            addresses,
            title="cw_pipeline: a test message",
            lines=["This was sent by `cw-pipeline notify`. Alerts about failed runs and checks come here."],
        )
        output.document(vars(delivery))
        if delivery.failed:
            output.notice(delivery.complaint)
            output.exit_code = HELD_OR_FAILED
            return
        output.say(f"Sent a test message to {', '.join(delivery.told)}. Check that it arrived.")
