"""The demonstration's last word: where the seats of every month ended up, as NordPass and ConnectWise show it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, TypeAlias

from rich.markup import escape
from rich.table import Table

from cw_pipeline.billing.identity import Identity
from cw_pipeline.vocabulary import Month, Plan

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

    from cw_pipeline.sandbox.sandbox import Sandbox
    from cw_pipeline.sandbox.wire import Record

_Quantities: TypeAlias = "defaultdict[str, Decimal]"
"""By serial number."""


@dataclass(frozen=True)
class Row:
    """An organization's month: the seats it used, and where they ended up."""

    organization: str
    month: Month
    used: Decimal
    on_lines: Decimal
    invoiced: Decimal

    @property
    def equal(self) -> bool:
        """Whether every seat is on a line and invoiced, once."""
        return self.used == self.on_lines == self.invoiced


def rows_of(sandbox: Sandbox, usage: Mapping[Month, Sequence[Record]]) -> list[Row]:
    """What became of `usage`, by the sandbox's own lines and invoices."""
    on_lines: _Quantities = defaultdict(Decimal)
    for addition in sandbox.connectwise.records("additions"):
        on_lines[addition.get("serialNumber", "")] += addition["quantity"]
    invoiced: _Quantities = defaultdict(Decimal)
    for invoice in sandbox.connectwise.invoices():
        for line in invoice["lines"]:
            invoiced[line["serial_number"] or ""] += line["quantity"]
    return [
        Row(
            organization=one["organization_name"],
            month=month,
            used=Decimal(one["consumed_licenses"]),
            on_lines=_over_plans(on_lines, month, one["organization_id"]),
            invoiced=_over_plans(invoiced, month, one["organization_id"]),
        )
        for month, rows in usage.items()
        for one in rows
    ]


def print_rows(console: Console, rows: Sequence[Row]) -> None:
    """Print the rows as a table, by organization and month."""
    table = Table("organization", "month", title="Every seat of every month")
    for name in ("used", "on lines", "invoiced", ""):
        table.add_column(name, justify="right")
    for row in sorted(rows, key=lambda row: (row.organization, row.month)):
        mark = "[green]=[/]" if row.equal else "[red]≠[/]"
        table.add_row(
            escape(row.organization), str(row.month), str(row.used), str(row.on_lines), str(row.invoiced), mark
        )
    console.print(table)


def _over_plans(quantities: _Quantities, month: Month, organization_id: str) -> Decimal:
    return sum((quantities[Identity(month, plan, organization_id).serial_number] for plan in Plan), Decimal(0))
