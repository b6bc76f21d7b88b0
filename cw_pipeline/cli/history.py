"""`history`: the ledger of writes, and the audit log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cw_pipeline.cli import lazy
from cw_pipeline.cli.command import command
from cw_pipeline.cli.options import AsJson, MonthOption
from cw_pipeline.cli.output import UsageError
from cw_pipeline.wording.undo import short_run

if TYPE_CHECKING:
    from cw_pipeline.warehouse.tables import LedgerEntry

_MEMBERS = (
    "id", "at", "run_id", "kind", "intent_id", "month", "organization_id", "plan", "serial_number", "agreement_id",
    "product_id", "addition_id", "before", "quantity", "effective_date", "cancelled_date", "note",
)  # fmt: skip
_AUDIT_MEMBERS = ("id", "at", "who", "subject", "before", "after")


def history(
    month: MonthOption = None,
    organization: Annotated[str | None, typer.Option(help="Id or exact name of one organization.")] = None,
    *,
    acts: Annotated[bool, typer.Option("--acts", help="Show the audit log instead: who changed what.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show the ledger: every write to ConnectWise, with an entry before the request and one for its result."""
    if acts:
        _acts(asked_for_writes=month is not None or organization is not None, as_json=as_json)
        return
    with command(as_json=as_json) as running:
        with running.warehouse.transaction() as session:
            known = lazy.lookup.organization_ids(session, organization) if organization is not None else None
            entries = lazy.listings.ledger_entries(session, month=month, organizations=known)
        running.document({"entries": [_members(entry) | {"organization_name": name} for entry, name in entries]})
        if not entries:
            running.say("The ledger has no such entry. `cw-pipeline sync` makes them.")
            return
        running.table(
            ["Id", "At", "Run", "Month", "Organization", "Plan", "Agreement", "Line", "Kind", "Quantity", "Note"],
            [
                (
                    entry.id,
                    f"{entry.at:%Y-%m-%d %H:%M:%S}",
                    short_run(entry.run_id),
                    entry.month,
                    f"{name} ({entry.organization_id})" if name else entry.organization_id,
                    entry.plan,
                    entry.agreement_id,
                    entry.addition_id,
                    entry.kind,
                    f"{entry.before} → {entry.quantity}",
                    entry.note,
                )
                for entry, name in entries
            ],
        )
        running.say(f"Entries: {len(entries)}. `cw-pipeline preview` shows what a sync would write now.")


def _acts(*, asked_for_writes: bool, as_json: bool) -> None:
    with command(as_json=as_json) as running:
        if asked_for_writes:
            raise UsageError("--acts goes with neither --month nor --organization.")
        with running.warehouse.transaction() as session:
            entries = lazy.audit.audit_log(session)
        running.document(
            {"acts": [{name: getattr(one, name) for name in _AUDIT_MEMBERS} | {"act": one.action} for one in entries]}
        )
        running.table(*lazy.cells.audit_log(entries))
        running.say(f"Entries: {len(entries)}. `cw-pipeline history` shows what was written to ConnectWise.")


def _members(entry: LedgerEntry) -> dict[str, object]:
    return {name: getattr(entry, name) for name in _MEMBERS}
