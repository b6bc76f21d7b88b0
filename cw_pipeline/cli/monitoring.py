"""`health`, `metrics` and `notify`: whether all is well, and whether people hear of it when it is not."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from cw_pipeline.cli import lazy
from cw_pipeline.cli.command import Command, command, now
from cw_pipeline.cli.output import members
from cw_pipeline.errors import HELD_OR_FAILED
from cw_pipeline.wording.commands import for_tenant

if TYPE_CHECKING:
    from datetime import datetime

    from cw_pipeline.orchestration.health import Health


@command
def health(cmd: Command) -> None:
    """Check the daemon, schedule, schema, months and daily checks, for monitoring. Changes nothing."""
    state = lazy.health.collect(cmd.settings, now=now())
    tenant = cmd.settings.tenant_key
    problems = [for_tenant(sentence, tenant) for sentence in state.problems]
    cmd.document({"healthy": not problems, "tenant": tenant, **vars(state), "problems": problems})
    cmd.table(["", ""], _rows(state))
    for sentence in state.problems or ["All is well."]:
        cmd.say(sentence)
    if problems:
        cmd.exit_code = HELD_OR_FAILED


@command
def metrics(cmd: Command) -> None:
    """Print metrics in Prometheus text format: what `health` looks at, and the seats of the latest pushed month."""
    collected = lazy.metrics.Metrics(lazy.health.collect(cmd.settings, now=now()))
    samples = [sample for metric in collected.collect() for sample in metric.samples]
    cmd.document({"metrics": [members(sample, "name", "labels", "value") for sample in samples]})
    if not cmd.as_json:
        sys.stdout.write(str(collected))


def _rows(state: Health) -> list[tuple[str, str]]:
    beats = [daemon.last_heartbeat for daemon in state.daemons if daemon.last_heartbeat]
    due = "unknown" if state.months_due is None else ", ".join(map(str, state.months_due)) or "none"
    tick = state.schedule.last_tick if state.schedule else None
    return [
        ("Last heartbeat", _minute(min(beats, default=None))),
        ("Monthly schedule", "on" if state.schedule and state.schedule.on else "off"),
        ("Last tick", f"{_minute(tick.at)}, {tick.status}. {tick.skip_reason or ''}" if tick else "never"),
        ("Months due", due),
        ("Last good daily check", _minute(state.daily_checks.last_good)),
    ]


def _minute(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else "never"


_TEXT = "This was sent by `cw-pipeline notify`. Messages about failed runs and checks come here."


@command
def notify(cmd: Command) -> None:
    """Send a test message to each address in CW_PIPELINE_NOTIFY."""
    setting = lazy.settings.Messages().cw_pipeline_notify
    if setting is None:
        msg = "CW_PIPELINE_NOTIFY is not set. Set it to one or more addresses of apprise, with blanks between them."
        raise lazy.settings.NotSetUp(msg)
    sent: list[str] = []
    failed: list[str] = []
    for address in lazy.notifications.addresses(setting):
        (sent if address.send("cw_pipeline: a test message", [_TEXT]) else failed).append(address.name)
    cmd.document({"told": sent, "failed": failed})
    if failed:
        cmd.notice(lazy.notifications.complaint(failed, len(sent) + len(failed)))
        cmd.exit_code = HELD_OR_FAILED
    else:
        cmd.say(f"Sent a test message to {', '.join(sent)}. Check that it arrived.")
