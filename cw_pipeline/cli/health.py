"""`health` and `metrics`: whether all is well, for monitoring from outside."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from cw_pipeline.cli import lazy
from cw_pipeline.cli.command import command, now
from cw_pipeline.cli.options import AsJson
from cw_pipeline.errors import HELD_OR_FAILED
from cw_pipeline.wording.commands import for_tenant

if TYPE_CHECKING:
    from datetime import datetime

    from cw_pipeline.orchestration.health import Health


def health(*, as_json: AsJson = False) -> None:
    """Say whether daemon, schedule, schema, months and daily checks are well, for monitoring. Changes nothing."""
    with command(as_json=as_json) as running:
        found = lazy.health.collect(running.settings, now=now())
        tenant = running.settings.tenant_key
        problems = [for_tenant(sentence, tenant) for sentence in found.problems]
        running.document({"healthy": not problems, "tenant": tenant, **vars(found), "problems": problems})
        running.table(["", ""], _rows(found))
        for sentence in found.problems or ["All is well."]:
            running.say(sentence)
        if found.problems:
            running.exit_code = HELD_OR_FAILED


def metrics(*, as_json: AsJson = False) -> None:
    """Print metrics in Prometheus' text form: what `health` looks at, and the seats of the latest pushed month."""
    with command(as_json=as_json) as running:
        found = lazy.metrics.Metrics(lazy.health.collect(running.settings, now=now()))
        samples = [sample for metric in found.collect() for sample in metric.samples]
        running.document({"metrics": [{"name": one.name, "labels": one.labels, "value": one.value} for one in samples]})
        if not as_json:
            sys.stdout.write(str(found))


def _rows(found: Health) -> list[tuple[str, str]]:
    beats = [daemon.last_heartbeat for daemon in found.daemons if daemon.last_heartbeat]
    due = "unknown" if found.months_due is None else ", ".join(map(str, found.months_due)) or "none"
    tick = found.schedule.last_tick if found.schedule else None
    return [
        ("Last heartbeat", _minute(min(beats, default=None))),
        ("Monthly schedule", "on" if found.schedule and found.schedule.on else "off"),
        ("Last tick", f"{_minute(tick.at)}, {tick.status}. {tick.skip_reason or ''}" if tick else "never"),
        ("Months due", due),
        ("Last good daily check", _minute(found.daily_checks.last_good)),
    ]


def _minute(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else "never"
