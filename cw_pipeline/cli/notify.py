"""`notify`: a test message."""

from __future__ import annotations

from cw_pipeline.cli import lazy
from cw_pipeline.cli.options import AsJson
from cw_pipeline.cli.output import Output, command_output
from cw_pipeline.errors import HELD_OR_FAILED

_TEXT = "This was sent by `cw-pipeline notify`. Messages about failed runs and checks come here."


def notify(*, as_json: AsJson = False) -> None:
    """Send a test message to each address in CW_PIPELINE_NOTIFY."""
    with command_output(Output(as_json=as_json)) as output:
        setting = lazy.settings.Messages().cw_pipeline_notify
        if setting is None:
            msg = "CW_PIPELINE_NOTIFY is not set. Set it to one or more addresses of apprise, with blanks between them."
            raise lazy.settings.NotSetUp(msg)
        told: list[str] = []
        failed: list[str] = []
        for address in lazy.notifications.addresses(setting):
            (told if address.takes("cw_pipeline: a test message", [_TEXT]) else failed).append(address.name)
        output.document({"told": told, "failed": failed})
        if failed:
            output.notice(lazy.notifications.complaint(failed, len(told) + len(failed)))
            output.exit_code = HELD_OR_FAILED
            return
        output.say(f"Sent a test message to {', '.join(told)}. Check that it arrived.")
