"""The demonstration: the whole job against the sandbox, step by step, with a table of every month's seats at the end.

It uses the product as its users do, in a folder of its own that it empties first. Settings for a real ConnectWise or
NordPass are ignored.
"""

from __future__ import annotations

import os
import shlex
import shutil
import time
from contextlib import ExitStack, closing, contextmanager
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
from cw_pipeline.cli.demonstration_rows import print_rows
from cw_pipeline.cli.months import progress_bar
from cw_pipeline.orchestration.assets.setup import report_setup
from cw_pipeline.orchestration.runs import local_instance, run_months
from cw_pipeline.sandbox.sandbox import Sandbox
from cw_pipeline.settings import Settings
from cw_pipeline.setup import connection, imports, mapping, organizations, products, suggest, systems
from cw_pipeline.vocabulary import Month, Plan, counted
from cw_pipeline.warehouse.database import Warehouse
from cw_pipeline.warehouse.runs import run_results
from cw_pipeline.warehouse.tables import CompanyMappingRow
from cw_pipeline.wording.outcomes import in_a_sentence

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from rich.console import Console

    from cw_pipeline.billing.preview import PreviewLine, Tally
    from cw_pipeline.sandbox.wire import Record
    from cw_pipeline.setup.suggest import Suggestion
    from cw_pipeline.warehouse.runs import MonthResult

_MONTHS = 12
_BY_HAND = 2

_WORKSPACE = "load_from: [{python_module: {module_name: cw_pipeline.definitions, location_name: cw_pipeline}}]\n"
_PUT_ASIDE = ("CONNECTWISE_", "NORDPASS_", "CW_PIPELINE_", "DAGSTER_HOME")


def run_demo(console: Console, folder: Path, *, port: int) -> bool:
    """Run the demonstration in `folder` and print it; whether every seat was invoiced exactly once.

    Raises:
        OSError: If the sandbox cannot listen on `port`.
    """
    shutil.rmtree(folder, ignore_errors=True)
    started = time.monotonic()
    with (
        Sandbox(home=folder / "sandbox", port=port) as sandbox,
        _environment(sandbox, folder),
        ExitStack() as opened,
    ):
        (folder / "workspace.yaml").write_text(_WORKSPACE)
        demo = _Demo(console, sandbox, opened)
        demo.connect()
        demo.map_products()
        demo.import_companies()
        demo.map_companies()
        demo.sync_a_year()
        demo.change_usage()
        demo.invoice_and_correct()
        equal, rows = print_rows(console, sandbox, demo.billed_usage())
    console.print(
        f"\n[bold]{equal} of {rows}[/] organization-months are equal: used, on lines and invoiced. "
        f"{time.monotonic() - started:.0f} s.\nSee the runs and assets in the Dagster UI:"
    )
    console.print(start_the_ui(folder, port), style="bold", markup=False, highlight=False, soft_wrap=True)
    return equal == rows


def start_the_ui(folder: Path, port: int) -> str:
    """The command that starts the Dagster UI of a demonstration in `folder`: make only has it in a clone."""
    if (Path(__file__).parents[2] / "Makefile").is_file():
        return "make dev"
    where = shlex.quote(str(folder.resolve()))
    return (
        f"CW_PIPELINE_HOME={where} DAGSTER_HOME={where}/dagster "
        f"cw-pipeline sandbox --port {port} -- dg dev --workspace {where}/workspace.yaml"
    )


@contextmanager
def _environment(sandbox: Sandbox, folder: Path) -> Generator[None]:
    """The environment of somebody who uses only the sandbox."""
    before = dict(os.environ)
    for name in before:
        if name.startswith(_PUT_ASIDE):
            del os.environ[name]
    first_month = str(Month.last_closed(datetime.now(UTC)).plus(1 - _MONTHS))
    os.environ.update(sandbox.environment(), CW_PIPELINE_HOME=str(folder), DAGSTER_HOME=str(folder / "dagster"))
    # So that the Dagster UI shows a year of partitions on any day.
    os.environ["CW_PIPELINE_FIRST_MONTH"] = min(first_month, "2025-01")
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


class _Demo:
    """The steps, in their order."""

    def __init__(self, console: Console, sandbox: Sandbox, opened: ExitStack) -> None:
        self._console = console
        self._sandbox = sandbox
        self._warehouse = opened.enter_context(closing(Warehouse(Settings().database_url, who="the demonstration")))
        self._client = opened.enter_context(systems.open_connectwise(Settings()))
        self._nordpass = opened.enter_context(systems.open_nordpass(Settings()))
        self._dagster = opened.enter_context(local_instance(Settings().cw_pipeline_home))
        self._now = datetime.now(UTC)
        last = Month.last_closed(self._now)
        self._months = list(last.plus(1 - _MONTHS).until(last))

    def connect(self) -> None:
        """Connect with a role that has no right too many."""
        self._say("1. Sandbox", f"a local ConnectWise PSA and NordPass at {self._sandbox.url}")
        connected = connection.connect(self._client, self._warehouse)
        report_setup(self._dagster, self._warehouse, {"connection": connected})
        held = [right.held for right in connected.rights if not right.optional]
        self._say(
            "2. Connect",
            f"{connected.company_name}: {held.count(True)} rights verified by reading, {held.count(None)} unverified "
            "until the first write that needs them",
        )

    def map_products(self) -> None:
        """One plan to a product that exists, one to a new product."""
        products.map_product(self._client, self._warehouse, Plan.BUSINESS, "NORDPASS-BUS")
        products.create_product(
            self._client,
            self._warehouse,
            Plan.ENTERPRISE,
            subcategory=next(iter(self._client.subcategories())).name,
            price=Decimal("7.50"),
            cost=Decimal("3.90"),
        )
        mapped = products.confirm_products(self._warehouse)
        report_setup(self._dagster, self._warehouse, {"mapped_products": mapped})
        names = ", ".join(f"{one.plan} → {one.identifier} at {one.price:.2f}" for one in mapped)
        self._say("3. Map products", f"{names}; confirmed: the integration is active")

    def import_companies(self) -> None:
        companies = imports.import_companies(self._client, self._warehouse, ["Client"], ["Active"])
        agreements = imports.import_agreements(self._client, self._warehouse)
        found = organizations.refresh_organizations(self._nordpass, self._warehouse)
        imported = {"imported_companies": companies, "agreements": agreements, "organizations": found}
        report_setup(self._dagster, self._warehouse, imported)
        self._say(
            "4. Import",
            f"{companies.total} active clients with {agreements.total} agreements, {found.total} organizations",
        )

    def map_companies(self) -> None:
        """Certain suggestions, a few others as a person would decide; the rest stays unmapped."""
        suggestions = suggest.suggest_mappings(self._warehouse)
        certain = [one for one in suggestions if one.certain]
        doubtful = [one for one in suggestions if not one.certain and one.agreement is not None][:_BY_HAND]
        for one in [*certain, *doubtful]:
            self._map(one)
        report_setup(self._dagster, self._warehouse)
        self._say(
            "5. Map companies",
            f"{len(certain)} by certain suggestions, {len(doubtful)} by hand, from {self._months[0]} on; "
            f"{len(suggestions) - len(certain) - len(doubtful)} left to decide",
        )

    def sync_a_year(self) -> None:
        self._sync("6. Sync a year", self._months)
        self._sync("7. The same again", self._months)

    def change_usage(self) -> None:
        """More seats, fewer seats and none at all in the last month, and a sync that writes just that."""
        last = self._months[-1]
        more, fewer, none = self._billed_usage(last)[:3]
        changes = {more["organization_id"]: more["consumed_licenses"] + 5}
        changes |= {fewer["organization_id"]: fewer["consumed_licenses"] - 1, none["organization_id"]: 0}
        for organization_id, seats in changes.items():
            self._sandbox.nordpass.set_usage(organization_id, str(last), seats)
        names = [row["organization_name"] for row in (more, fewer, none)]
        self._sync("8. Change usage", [last], f"{names[0]} +5, {names[1]} -1 and {names[2]} none in {last}")

    def invoice_and_correct(self) -> None:
        """ConnectWise invoices; a month is corrected afterwards, and only the difference is billed.

        The last sync writes nothing: it is for the pages in the UI, which then show the invoices.
        """
        self._invoice("9. Invoice")
        month = self._months[-3]
        row = self._billed_usage(month)[3]
        self._sandbox.nordpass.set_usage(row["organization_id"], str(month), row["consumed_licenses"] + 2)
        self._sync("10. Correct a month", [month], f"{row['organization_name']} +2 in {month}")
        self._invoice("11. Invoice again")
        self._sync("12. Sync the year again", self._months)

    def billed_usage(self) -> dict[Month, list[Record]]:
        return {month: self._billed_usage(month) for month in self._months}

    def _billed_usage(self, month: Month) -> list[Record]:
        """The usage rows of mapped organizations that are billed: no trials, and none that is not managed."""
        with self._warehouse.transaction() as session:
            mapped = set(session.scalars(select(CompanyMappingRow.organization_id)))
        return [
            row
            for row in self._sandbox.nordpass.usage(str(month))
            if row["organization_id"] in mapped and row["license_type"] == "Standard" and row["msp_managed"]
        ]

    def _map(self, suggestion: Suggestion) -> None:
        if suggestion.agreement is None:
            return
        mapping.map_company(
            self._warehouse,
            suggestion.company.id,
            suggestion.agreement.id,
            str(suggestion.organization.id),
            bill_from=self._months[0],
            first_month=self._months[0],
            now=self._now,
        )

    def _sync(self, step: str, months: Sequence[Month], what: str = "") -> None:
        """Sync `months` as the command line does, with a bar that moves as months are done."""
        from cw_pipeline.definitions import defs  # noqa: PLC0415 - it reads the environment that is set here

        with progress_bar(self._console, step, months, "connectwise_push") as on_month:
            run_id = run_months(defs.resolve_job_def("sync_now"), months, self._dagster, on_month=on_month)
        with self._warehouse.transaction() as session:
            reports = run_results(session, run_id, pushed=True)
        self._say(step, *filter(None, [what]), *_summary(reports))

    def _invoice(self, step: str) -> None:
        """Let ConnectWise invoice until every line's period is invoiced."""
        lines = self._sandbox.connectwise.records("additions")
        ours = [line["effectiveDate"] for line in lines if line.get("serialNumber", "").startswith(PREFIX)]
        made = self._sandbox.connectwise.invoice(until=date.fromisoformat(max(ours)[:10]))
        self._say(step, f"ConnectWise made {counted(len(made), 'invoice')}")

    def _say(self, step: str, *lines: str) -> None:
        self._console.print(f"[bold]{step}[/]")
        for line in lines:
            self._console.print(Padding(escape(line), (0, 0, 0, 4)))


def _summary(reports: Sequence[MonthResult]) -> list[str]:
    """What a run came to, over its months."""
    lines = [line for report in reports for line in report.lines]
    written = [line for line in lines if line.writes and line.outcome in RIGHT]
    outcomes = tally(line for line in lines if not line.also and line not in written)
    others = {outcome: one for outcome, one in outcomes.items() if outcome not in NOT_BILLED}
    not_billed = {outcome: one for outcome, one in outcomes.items() if outcome in NOT_BILLED and one.seats}
    reads = sum(report.requests_read for report in reports)
    writes = sum(report.requests_written for report in reports)
    return [
        *(f"{report.month}: {report.error}" for report in reports if report.error),
        ", ".join([*_writes(written), *(f"{in_a_sentence(one)}: {_size(others[one])}" for one in others)]),
        "not billed: " + ", ".join(f"{one.seats:,} {in_a_sentence(outcome)}" for outcome, one in not_billed.items()),
        f"{counted(reads, 'read')}, {counted(writes, 'write')}",
    ]


def _size(found: Tally) -> str:
    return f"{found.lines} ({found.seats:,} seats)"


def _writes(lines: Sequence[PreviewLine]) -> Iterator[str]:
    """What was written, by outcome: how many lines, and the seats on them before and after."""
    for outcome, one in tally(lines).items():
        writes = [write for line in lines if line.outcome is outcome for write in line.writes]
        before, after = sum(write.before for write in writes), sum(write.quantity for write in writes)
        yield f"{in_a_sentence(outcome)}: {one.lines} ({before:,} → {after:,} seats)"
