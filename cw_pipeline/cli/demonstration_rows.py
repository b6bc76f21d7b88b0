"""The demonstration's table: where the seats of every month ended up, as NordPass and ConnectWise show it."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from cw_pipeline.billing.identity import Identity
from cw_pipeline.vocabulary import Month, Plan

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

    from cw_pipeline.sandbox.sandbox import Sandbox
    from cw_pipeline.sandbox.wire import Record


def print_rows(console: Console, sandbox: Sandbox, usage: Mapping[Month, Sequence[Record]]) -> tuple[int, int]:
    """Print the seats used, on lines and invoiced, by organization and month.

    Returns:
        In how many rows the three are equal, and how many rows there are.
    """
    on_lines, invoiced = defaultdict[str, Decimal](Decimal), defaultdict[str, Decimal](Decimal)
    for addition in sandbox.connectwise.records("additions"):
        on_lines[addition.get("serialNumber", "")] += addition["quantity"]
    for invoice in sandbox.connectwise.invoices():
        for line in invoice["lines"]:
            invoiced[line["serial_number"] or ""] += line["quantity"]
    table = Table("organization", "month", title="Every seat of every month")
    for name in ("used", "on lines", "invoiced", ""):
        table.add_column(name, justify="right")
    equal = 0
    rows = [(row["organization_name"], month, row) for month, rows in usage.items() for row in rows]
    for name, month, row in sorted(rows, key=lambda one: one[:2]):
        serial_numbers = [Identity(month, plan, row["organization_id"]).serial_number for plan in Plan]
        seats = [
            Decimal(row["consumed_licenses"]),
            *(sum((where[one] for one in serial_numbers), Decimal(0)) for where in (on_lines, invoiced)),
        ]
        same = len(set(seats)) == 1
        equal += same
        table.add_row(escape(name), str(month), *map(str, seats), "[green]=[/]" if same else "[red]≠[/]")
    console.print(table)
    return equal, len(rows)
