"""The demonstration's result: where the seats of every month ended up, as NordPass and ConnectWise show it."""

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
    """Print the seats used, on lines and invoiced, by month, and each organization of which they differ.

    Returns:
        For how many organization-months the three are equal, and how many there are.
    """
    on_lines, invoiced = defaultdict[str, Decimal](Decimal), defaultdict[str, Decimal](Decimal)
    for addition in sandbox.connectwise.records("additions"):
        on_lines[addition.get("serialNumber", "")] += addition["quantity"]
    for invoice in sandbox.connectwise.invoices():
        for line in invoice["lines"]:
            invoiced[line["serial_number"] or ""] += line["quantity"]
    by_month = _table("Every seat of every month", "month", "organizations")
    differing = _table("Not equal", "month", "organization")
    for month, rows in usage.items():
        seats: list[tuple[Decimal, ...]] = []
        for row in rows:
            serial_numbers = [Identity(month, plan, row["organization_id"]).serial_number for plan in Plan]
            billed = (sum((source[number] for number in serial_numbers), Decimal()) for source in (on_lines, invoiced))
            seats.append((Decimal(row["consumed_licenses"]), *billed))
            if len(set(seats[-1])) > 1:
                differing.add_row(str(month), escape(row["organization_name"]), *map(str, seats[-1]))
        equal = all(len(set(numbers)) == 1 for numbers in seats)
        sums = (f"{sum(column):,}" for column in zip(*seats, strict=True))
        by_month.add_row(str(month), str(len(rows)), *sums, "[green]=[/]" if equal else "[red]≠[/]")
    console.print(by_month)
    if differing.row_count:
        console.print(differing)
    total = sum(map(len, usage.values()))
    return total - differing.row_count, total


def _table(title: str, *names: str) -> Table:
    table = Table(*names, title=title)
    for name in ("used", "on lines", "invoiced", ""):
        table.add_column(name, justify="right")
    return table
