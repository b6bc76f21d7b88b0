"""`compare`: what differs between two months, or between previews of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cw_pipeline.cli import lazy
from cw_pipeline.cli.command import command
from cw_pipeline.cli.options import AsJson
from cw_pipeline.vocabulary import counted

if TYPE_CHECKING:
    from cw_pipeline.billing.preview import PreviewLine
    from cw_pipeline.reports.changes import Change
    from cw_pipeline.warehouse.names import Named
    from cw_pipeline.warehouse.versions import Version

_HELP = "A month, such as 2026-03, or the id of a preview."


def compare(
    before: Annotated[str, typer.Argument(metavar="BEFORE", help=_HELP)],
    after: Annotated[str, typer.Argument(metavar="AFTER", help=_HELP)],
    *,
    as_json: AsJson = False,
) -> None:
    """Show what differs between two months, or two previews, line by line.

    A month is as it was synced last or, if it never was, as it was previewed last.
    """
    with command(as_json=as_json) as running:
        with running.warehouse.transaction() as session:
            found = lazy.changes.compare(session, before, after)
        running.document(
            {
                "before": _version(found.before),
                "after": _version(found.after),
                "lines": [_change(one) for one in found.changes],
            }
        )
        headings, rows = lazy.changes_in_words.changes(found.changes, *found.names)
        running.table([heading.rstrip(":") for heading in headings], rows)
        running.say(f"{found.before} and {found.after}: {counted(len(rows), 'line differs', 'lines differ')}.")


def _version(one: Version) -> dict[str, object]:
    return {"month": one.preview.month, "preview_id": one.preview_id, "made_at": one.made_at, "pushed": one.pushed}


def _change(one: Change) -> dict[str, object]:
    return {
        "organization_id": one.line.organization_id,
        "organization_name": one.line.organization_name,
        "also": one.line.also,
        "before": one.before and _line(one.before, one.agreement_before),
        "after": one.after and _line(one.after, one.agreement),
        "seats": one.seats,
        "worth": one.worth,
    }


def _line(line: PreviewLine, agreement: Named | None) -> dict[str, object]:
    return {
        "plan": line.plan,
        "company_id": line.company_id,
        "agreement_id": line.agreement_id,
        "agreement_name": agreement and agreement.name,
        "outcome": line.outcome,
        "seats": line.seats,
    }
