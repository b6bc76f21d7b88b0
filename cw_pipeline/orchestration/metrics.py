"""What `health` collects, as metrics for Prometheus.

Times are Unix times and not ages: in a file that is no longer renewed, an age would stand still.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, TypeAlias

from prometheus_client import Metric, generate_latest

from cw_pipeline.orchestration.health import Health
from cw_pipeline.orchestration.tenant import TAGS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from cw_pipeline.reports.last_push import LastPush

_Value: TypeAlias = bool | int | Decimal | datetime | None
"""None is not known, and left out."""


@dataclass(frozen=True)
class Metrics:
    """The metrics of one moment, as a collector of prometheus_client."""

    health: Health

    def collect(self) -> Iterator[Metric]:
        """Each metric with its samples."""
        health, schedule, checks = self.health, self.health.schedule, self.health.daily_checks
        tick = schedule.last_tick if schedule else None
        yield _metric("healthy", "1 if `cw-pipeline health` finds nothing wrong, else 0.", not health.problems)
        yield _labelled(
            "daemon_healthy",
            "1 if the daemon's last heartbeat is recent and without an error, else 0.",
            [({"daemon": daemon.type}, daemon.healthy) for daemon in health.daemons],
        )
        yield _labelled(
            "daemon_last_heartbeat_timestamp_seconds",
            "When the daemon gave its last heartbeat.",
            [({"daemon": daemon.type}, daemon.last_heartbeat) for daemon in health.daemons],
        )
        yield _metric(
            "location_seen_timestamp_seconds",
            "When the daemon last evaluated a sensor of the code location.",
            health.location_seen_at,
        )
        yield _metric("schedule_on", "1 if the monthly schedule is on, else 0.", schedule is not None and schedule.on)
        yield _metric(
            "schedule_last_tick_timestamp_seconds", "When the monthly schedule ticked last.", tick.at if tick else None
        )
        yield _metric("daily_checks_last_run_timestamp_seconds", "When daily_checks ended last.", checks.last_run)
        yield _metric(
            "daily_checks_last_good_timestamp_seconds",
            "When daily_checks last ended with every check passed.",
            checks.last_good,
        )
        yield _metric(
            "schema_up_to_date", "1 if the warehouse's schema is up to date, else 0.", not health.pending_migrations
        )
        yield _metric(
            "months_due",
            "Closed months that have to be pushed.",
            None if health.months_due is None else len(health.months_due),
        )
        if health.last_pushed_month is not None:
            yield from _month_metrics(health.last_pushed_month)

    def __str__(self) -> str:
        """The metrics in Prometheus text format."""
        return generate_latest(self).decode()


def _month_metrics(pushed: LastPush) -> Iterator[Metric]:
    """The metrics of the latest pushed month."""
    month = {"month": str(pushed.month)}
    for name, documentation in {
        "used": "Seats in the usage report of the latest pushed month.",
        "billed": "Seats of the latest pushed month on lines that are right.",
        "held": "Seats of the latest pushed month that wait for a person's decision.",
        "failed": "Seats of the latest pushed month that were rejected or are unconfirmed.",
        "unmapped": "Seats of the latest pushed month that nobody is billed for, by choice or by omission.",
    }.items():
        yield _labelled(f"{name}_seats", documentation, [(month, getattr(pushed, name))])
    yield _labelled(
        "lines",
        "Lines of the latest pushed month, by outcome.",
        [({**month, "outcome": outcome}, number) for outcome, number in sorted(pushed.lines.items())],
    )


def _metric(name: str, documentation: str, value: _Value) -> Metric:
    return _labelled(name, documentation, [({}, value)])


def _labelled(name: str, documentation: str, samples: Iterable[tuple[Mapping[str, str], _Value]]) -> Metric:
    metric = Metric(f"cw_pipeline_{name}", documentation, "gauge")
    for labels, value in samples:
        if value is not None:
            number = value.timestamp() if isinstance(value, datetime) else float(value)
            metric.add_sample(metric.name, TAGS | dict(labels), number)
    return metric
