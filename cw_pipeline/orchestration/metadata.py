"""What the UI shows of a month: numbers that it plots over the months, the preview as a table, links to ConnectWise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from cw_pipeline.billing.outcomes import FAILED, HELD, NOT_BILLED, RIGHT
from cw_pipeline.orchestration.tables import Details, table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cw_pipeline.billing.preview import Preview, PreviewLine
    from cw_pipeline.connectwise.client import ConnectWiseClient
    from cw_pipeline.sync.push import PushedMonth
    from cw_pipeline.warehouse.tables import UsageReportRow

_MOST_LINKS = 50
_GROUPS = {"right": RIGHT, "not_billed": NOT_BILLED, "held": HELD, "failed": FAILED}


def of_usage(report: UsageReportRow) -> Details:
    """A usage report's size and age."""
    return {
        "organizations": dg.MetadataValue.int(len(report.rows)),
        "seats": dg.MetadataValue.int(report.seats),
        "generated_at": dg.MetadataValue.timestamp(report.generated_at),
    }


def of_preview(preview: Preview, connectwise: ConnectWiseClient) -> Details:
    """A preview's numbers, its lines as a table, and links to the agreements that it would change."""
    return {
        **_seats(preview),
        "preview": _table(preview.lines),
        "agreements": _links(preview.lines, connectwise),
        **_by_outcome(preview),
    }


def of_push(pushed: PushedMonth, connectwise: ConnectWiseClient) -> Details:
    """What a push came to, and what it asked of ConnectWise."""
    return {
        **_seats(pushed.preview),
        "requests_read": dg.MetadataValue.int(pushed.push.requests_read),
        "requests_written": dg.MetadataValue.int(pushed.push.requests_written),
        "lines": _table(pushed.preview.lines),
        "agreements": _links(pushed.preview.lines, connectwise),
        **_by_outcome(pushed.preview),
    }


def failed_lines_sentence(lines: Sequence[PreviewLine]) -> str:
    """How many lines failed, and the first one's reason."""
    first = lines[0]
    return (
        f"{len(lines)} line(s) failed, the others were written. "
        f"{first.organization_name} ({first.organization_id}), {first.outcome}: {first.reason}"
    )


def _seats(preview: Preview) -> Details:
    """The seats used and where they went, in groups that are always there, so that their plots have no gaps."""
    seats = {"seats_used": preview.usage_seats}
    for group, members in _GROUPS.items():
        tallies = (tally for outcome, tally in preview.outcomes.items() if outcome in members)
        seats[f"seats_{group}"] = sum(int(tally.seats) for tally in tallies)
    return {name: dg.MetadataValue.int(number) for name, number in seats.items()}


def _by_outcome(preview: Preview) -> Details:
    """Lines and seats by outcome: of the usage rows, and of what happened beside them."""
    numbers: Details = {}
    for prefix, tallies in (("", preview.outcomes), ("also_", preview.also)):
        for outcome, tally in tallies.items():
            numbers[f"{prefix}lines_{outcome}"] = dg.MetadataValue.int(tally.lines)
            numbers[f"{prefix}seats_{outcome}"] = dg.MetadataValue.int(int(tally.seats))
    return numbers


def _table(lines: Iterable[PreviewLine]) -> dg.MetadataValue:
    """The lines, what needs a person first."""
    ordered = sorted(
        lines,
        key=lambda line: (line.outcome not in FAILED, line.outcome not in HELD, not line.warning, not line.writes),
    )
    return table(
        ("outcome", "organization", "plan", "agreement", "seats", "change", "reason", "warning"),
        (
            (
                f"{line.outcome} (also)" if line.also else line.outcome,
                f"{line.organization_name} ({line.organization_id})",
                line.plan,
                line.agreement_id,
                line.seats,
                ", ".join(f"{write.before} → {write.quantity}" for write in line.writes),
                line.reason,
                line.warning,
            )
            for line in ordered
        ),
    )


def _links(lines: Iterable[PreviewLine], connectwise: ConnectWiseClient) -> dg.MetadataValue:
    touched = {
        line.agreement_id
        for line in lines
        if line.agreement_id is not None and (line.writes or line.warning or line.outcome in HELD | FAILED)
    }
    links = [f"- [Agreement {number}]({connectwise.agreement_url(number)})" for number in sorted(touched)]
    more = [f"- and {len(links) - _MOST_LINKS} more"] if len(links) > _MOST_LINKS else []
    return dg.MetadataValue.md("\n".join(links[:_MOST_LINKS] + more) or "None is changed.")
