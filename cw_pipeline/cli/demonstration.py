"""The demonstration: the whole job against the sandbox, step by step, with a table of every month's seats at the end.

It uses the product as its users do, in a folder of its own that it empties first. Settings for a real ConnectWise or
NordPass are ignored.
"""

from __future__ import annotations

import os
import shlex
import shutil
import time
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.padding import Padding
from sqlalchemy import select

from cw_pipeline.billing.identity import PREFIX
from cw_pipeline.billing.outcomes import NOT_BILLED, RIGHT
from cw_pipeline.billing.preview import tally
from cw_pipeline.cli.command import Command, showing_setup
from cw_pipeline.cli.demonstration_rows import print_rows
from cw_pipeline.cli.months import run_job
from cw_pipeline.sandbox.sandbox import Sandbox
from cw_pipeline.setup import connection, imports, mapping, organizations, products, suggest
from cw_pipeline.vocabulary import Month, Plan, counted
from cw_pipeline.warehouse.tables import CompanyMappingRow
from cw_pipeline.wording.outcomes import in_a_sentence

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from rich.console import Console

    from cw_pipeline.billing.preview import PreviewLine
    from cw_pipeline.sandbox.wire import Record
    from cw_pipeline.warehouse.runs import MonthResult

_MONTHS = 12
_BY_HAND = 2

_WORKSPACE = "load_from: [{python_module: {module_name: cw_pipeline.definitions, location_name: cw_pipeline}}]\n"
_IGNORED = ("CONNECTWISE_", "NORDPASS_", "CW_PIPELINE_", "DAGSTER_HOME")


def run_demo(console: Console, folder: Path, *, port: int) -> bool:
    """Run the demonstration in `folder` and print it; whether every seat was invoiced exactly once.

    Raises:
        OSError: If the sandbox cannot listen on `port`.
    """
    shutil.rmtree(folder, ignore_errors=True)
    started = time.monotonic()
    cmd = Command(as_json=False)
    with Sandbox(home=folder / "sandbox", port=port) as sandbox, _environment(sandbox, folder), cmd.opened:
        (folder / "workspace.yaml").write_text(_WORKSPACE)
        demo = _Demo(console, sandbox, cmd)
        with showing_setup(cmd):
            demo.connect()
            demo.map_products()
            demo.import_companies()
            demo.map_companies()
        demo.sync_a_year()
        demo.change_usage()
        demo.invoice_and_correct()
        equal, rows = print_rows(console, sandbox, {month: demo.billed_usage(month) for month in demo.months})
    console.print(
        f"\n[bold]{equal} of {rows}[/] organization-months are equal: used, on lines and invoiced. "
        f"{time.monotonic() - started:.0f} s.\nSee the runs and assets in the Dagster UI:"
    )
    console.print(start_the_ui(folder, port), style="bold", markup=False, highlight=False, soft_wrap=True)
    return equal == rows


def start_the_ui(folder: Path, port: int) -> str:
    """The command that starts the Dagster UI of a demonstration in `folder`; only a clone has the Makefile."""
    if (Path(__file__).parents[2] / "Makefile").is_file():
        return "make dev"
    home = shlex.quote(str(folder.resolve()))
    return (
        f"CW_PIPELINE_HOME={home} DAGSTER_HOME={home}/dagster "
        f"cw-pipeline sandbox --port {port} -- dg dev --workspace {home}/workspace.yaml"
    )


@contextmanager
def _environment(sandbox: Sandbox, folder: Path) -> Generator[None]:
    """The environment of somebody who uses only the sandbox."""
    before = dict(os.environ)
    for name in before:
        if name.startswith(_IGNORED):
            del os.environ[name]
    first_month = str(_months()[0])
    os.environ.update(sandbox.environment(), CW_PIPELINE_HOME=str(folder), DAGSTER_HOME=str(folder / "dagster"))
    # So that the Dagster UI shows a year of partitions on any day.
    os.environ["CW_PIPELINE_FIRST_MONTH"] = min(first_month, "2025-01")
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _months() -> list[Month]:
    """The months of the demonstration: the last closed ones."""
    last = Month.last_closed(datetime.now(UTC))
    return list(last.plus(1 - _MONTHS).until(last))


class _Demo:
    """The steps, in their order."""

    def __init__(self, console: Console, sandbox: Sandbox, cmd: Command) -> None:
        self._console, self._sandbox, self._cmd = console, sandbox, cmd
        self.months = _months()

    def connect(self) -> None:
        """Connect with a role that has no right too many."""
        self._say("1. Sandbox", f"a local ConnectWise PSA and NordPass at {self._sandbox.url}")
        cmd = self._cmd
        cmd.done["connection"] = connected = connection.connect(cmd.connectwise, cmd.warehouse)
        held = [right.held for right in connected.rights if not right.optional]
        self._say(
            "2. Connect",
            f"{connected.company_name}: {held.count(True)} rights verified by reading, {held.count(None)} unverified "
            "until the first write that needs them",
        )

    def map_products(self) -> None:
        """Map one plan to a product that exists, and one to a new product."""
        client, warehouse = self._cmd.connectwise, self._cmd.warehouse
        products.map_product(client, warehouse, Plan.BUSINESS, "NORDPASS-BUS")
        products.create_product(
            client,
            warehouse,
            Plan.ENTERPRISE,
            subcategory=next(iter(client.subcategories())).name,
            price=Decimal("7.50"),
            cost=Decimal("3.90"),
        )
        self._cmd.done["mapped_products"] = confirmed = products.confirm_products(warehouse)
        names = ", ".join(f"{product.plan} → {product.identifier} at {product.price:.2f}" for product in confirmed)
        self._say("3. Map products", f"{names}; confirmed: the integration is active")

    def import_companies(self) -> None:
        cmd = self._cmd
        companies = imports.import_companies(cmd.connectwise, cmd.warehouse, ["Client"], ["Active"])
        agreements = imports.import_agreements(cmd.connectwise, cmd.warehouse)
        listed = organizations.refresh_organizations(cmd.nordpass, cmd.warehouse)
        cmd.done.update(imported_companies=companies, agreements=agreements, organizations=listed)
        self._say(
            "4. Import",
            f"{companies.total} active clients with {agreements.total} agreements, {listed.total} organizations",
        )

    def map_companies(self) -> None:
        """Accept certain suggestions, and decide a few others as a person would; the rest stays unmapped."""
        first_month = self.months[0]
        suggestions = suggest.suggest_mappings(self._cmd.warehouse)
        certain = [suggestion for suggestion in suggestions if suggestion.certain]
        doubtful = [suggestion for suggestion in suggestions if suggestion.agreement and not suggestion.certain]
        by_hand = doubtful[:_BY_HAND]
        for suggestion in (*certain, *by_hand):
            if suggestion.agreement:
                mapping.map_company(
                    self._cmd.warehouse,
                    suggestion.company.id,
                    suggestion.agreement.id,
                    str(suggestion.organization.id),
                    bill_from=first_month,
                    first_month=first_month,
                    now=datetime.now(UTC),
                )
        self._say(
            "5. Map companies",
            f"{len(certain)} by certain suggestions, {len(by_hand)} by hand, from {first_month} on; "
            f"{len(suggestions) - len(certain) - len(by_hand)} left to decide",
        )

    def sync_a_year(self) -> None:
        self._sync("6. Sync a year", self.months)
        self._sync("7. The same again", self.months)

    def change_usage(self) -> None:
        """More seats, fewer seats and none at all in the last month, and a sync that writes just that."""
        last = self.months[-1]
        more, fewer, none = self.billed_usage(last)[:3]
        self._set_usage(last, more, more["consumed_licenses"] + 5)
        self._set_usage(last, fewer, fewer["consumed_licenses"] - 1)
        self._set_usage(last, none, 0)
        names = [row["organization_name"] for row in (more, fewer, none)]
        self._sync("8. Change usage", [last], f"{names[0]} +5, {names[1]} -1 and {names[2]} none in {last}")

    def invoice_and_correct(self) -> None:
        """ConnectWise invoices; a month is corrected afterwards, and only the difference is billed.

        The last sync writes nothing: it is for the pages in the UI, which then show the invoices.
        """
        self._invoice("9. Invoice")
        month = self.months[-3]
        row = self.billed_usage(month)[3]
        self._set_usage(month, row, row["consumed_licenses"] + 2)
        self._sync("10. Correct a month", [month], f"{row['organization_name']} +2 in {month}")
        self._invoice("11. Invoice again")
        self._sync("12. Sync the year again", self.months)

    def billed_usage(self, month: Month) -> list[Record]:
        """The usage rows of mapped organizations that are billed: no trials, and none that is not managed."""
        with self._cmd.warehouse.transaction() as session:
            mapped = set(session.scalars(select(CompanyMappingRow.organization_id)))
        return [
            row
            for row in self._sandbox.nordpass.usage(str(month))
            if row["organization_id"] in mapped and row["license_type"] == "Standard" and row["msp_managed"]
        ]

    def _set_usage(self, month: Month, row: Record, seats: int) -> None:
        self._sandbox.nordpass.set_usage(row["organization_id"], str(month), seats)

    def _sync(self, step: str, months: Sequence[Month], *changes: str) -> None:
        results = run_job(self._cmd, "sync_now", months, title=step)
        self._say(step, *changes, *_summary(results))

    def _invoice(self, step: str) -> None:
        """Invoice until every line's period is invoiced."""
        additions = self._sandbox.connectwise.records("additions")
        ours = [line["effectiveDate"] for line in additions if line.get("serialNumber", "").startswith(PREFIX)]
        invoices = self._sandbox.connectwise.invoice(until=date.fromisoformat(max(ours)[:10]))
        self._say(step, f"ConnectWise made {counted(len(invoices), 'invoice')}")

    def _say(self, step: str, *lines: str) -> None:
        self._console.print(f"[bold]{step}[/]")
        for line in lines:
            self._console.print(Padding(escape(line), (0, 0, 0, 4)))


def _summary(results: Sequence[MonthResult]) -> list[str]:
    """What a run came to, over its months."""
    lines = [line for result in results for line in result.lines]
    outcomes = _written([line for line in lines if _is_written(line)])
    not_billed: list[str] = []
    for outcome, sums in tally(line for line in lines if not line.also and not _is_written(line)).items():
        if outcome not in NOT_BILLED:
            outcomes.append(f"{in_a_sentence(outcome)}: {sums.lines} ({sums.seats:,} seats)")
        elif sums.seats:
            not_billed.append(f"{sums.seats:,} {in_a_sentence(outcome)}")
    reads = sum(result.requests_read for result in results)
    writes = sum(result.requests_written for result in results)
    return [
        *(f"{result.month}: {result.error}" for result in results if result.error),
        ", ".join(outcomes),
        f"not billed: {', '.join(not_billed)}",
        f"{counted(reads, 'read')}, {counted(writes, 'write')}",
    ]


def _is_written(line: PreviewLine) -> bool:
    return bool(line.writes) and line.outcome in RIGHT


def _written(lines: Sequence[PreviewLine]) -> list[str]:
    """By outcome, how many lines were written, and the seats on them before and after."""
    parts: list[str] = []
    for outcome, sums in tally(lines).items():
        writes = [write for line in lines if line.outcome is outcome for write in line.writes]
        before, after = sum(write.before for write in writes), sum(write.quantity for write in writes)
        parts.append(f"{in_a_sentence(outcome)}: {sums.lines} ({before:,} → {after:,} seats)")
    return parts
