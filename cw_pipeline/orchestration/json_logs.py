"""The log of Dagster's runs as JSON lines; deploy/dagster.yaml names the formatter."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pythonjsonlogger.json import JsonFormatter

if TYPE_CHECKING:
    from logging import LogRecord


class RunLogFormatter(JsonFormatter):
    """Makes one JSON object of each message and each event of a run.

    Its `message` is the text that Dagster's console shows, with the traceback where a step failed. The events' own
    data is left out: it is in Dagster's storage.
    """

    def add_fields(self, log_data: dict[str, Any], record: LogRecord, message_dict: dict[str, Any]) -> None:
        """Choose what is in the line, in place of every attribute of the record."""
        run = record.__dict__["dagster_meta"]
        event = run["dagster_event"]
        log_data.update(
            time=datetime.fromtimestamp(record.created, UTC).isoformat(),
            level=record.levelname,
            run_id=run["run_id"],
            job=run["job_name"],
            step=run["step_key"],
            event=event.event_type.name if event else None,
            message=record.message,
            **message_dict,
        )
