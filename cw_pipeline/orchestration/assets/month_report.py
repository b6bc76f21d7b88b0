"""The asset `month_report`: a month's report as a page, and its sums and picture of the year in the UI.

A run that pushes a month also reports it, even if lines are held or failed. By itself it needs only the warehouse.
"""

from base64 import b64encode
from collections.abc import Iterable

import dagster as dg

from cw_pipeline.orchestration import metadata
from cw_pipeline.orchestration.failures import Failed
from cw_pipeline.orchestration.resources import StepContext
from cw_pipeline.orchestration.tenant import KEY, PUSH_KEY, asset_key
from cw_pipeline.reports.month_report.files import FileNotWritten, usual_file, write_report
from cw_pipeline.reports.month_report.page import total, year_picture
from cw_pipeline.reports.month_report.report import GROUPS, MonthlyReport, NothingToReport, month_report
from cw_pipeline.settings import Settings
from cw_pipeline.vocabulary import Month
from cw_pipeline.warehouse.database import Warehouse
from cw_pipeline.wording import month_page

MONTH_REPORT = dg.AssetSpec(
    asset_key("month_report"),
    deps=[PUSH_KEY],
    description=(
        "For the person who reconciles: what each customer owes and is billed in a month, what waits for somebody, and "
        "what is not billed and why. The page is a file on the machine that ran this; `cw-pipeline report` writes it "
        "on any machine, also for Excel."
    ),
    kinds={"python"},
    skippable=True,
)


def log_reports(context: StepContext, warehouse: Warehouse, months: Iterable[Month]) -> None:
    """Write the months' pages and record each with its own materialization.

    Raises:
        Failed: If a month has no report, because it was never pushed or a run was undone; the others are reported.
    """
    refusals: list[str] = []
    for month in months:
        try:
            with warehouse.transaction() as session:
                report = month_report(session, month)
        except NothingToReport as error:
            refusals.append(str(error))
            continue
        details = _details(report, _written_page(context, report))
        context.log_event(dg.AssetMaterialization(MONTH_REPORT.key, partition=str(month), metadata=details))
    if refusals:
        raise Failed("\n".join(refusals))


def _written_page(context: StepContext, report: MonthlyReport) -> dg.MetadataValue:
    """Where the page is. A file that cannot be written does not fail the sync, which has succeeded by then."""
    file = usual_file(Settings().own_folder, report.month, "html")
    try:
        write_report(report, file, "html", tenant=KEY)
    except FileNotWritten as error:
        context.log.warning(str(error))
        return dg.MetadataValue.text(str(error))
    return dg.MetadataValue.path(file)


def _details(report: MonthlyReport, page: dg.MetadataValue) -> metadata.Details:
    """Where the page is, the picture of the year, the sums, and tables of what waits and of what is not billed."""
    picture = b64encode(year_picture(report.year).encode()).decode()
    seats = report.seats
    push = "/".join(PUSH_KEY.path)
    every_line = f"[{push}](/assets/{push}?view=partitions&partition={report.month})"
    tables = {
        "waiting": (
            month_page.waiting(report.lines.waiting),
            f"Only the seats of held and failed lines wait. What to do about each: {every_line}, `needs_a_person`.",
        ),
        "not_billed": (month_page.not_billed(report.not_billed), f"Every organization, by the reason: {every_line}."),
    }
    return {
        # No name is in it: the UI reads Markdown as markup.
        "year": dg.MetadataValue.md(f"![Seats used in the last twelve months](data:image/svg+xml;base64,{picture})"),
        "page": page,
        "seats_used": int(seats.used),
        "seats_owed": int(sum(organization.owed for organization in report.lines.organizations)),
        "seats_billed": int(seats.billed),
        "seats_waiting": int(seats.waiting),
        "seats_not_billed": int(seats.not_billed),
        # Text, because Dagster's numbers are floats.
        **{f"worth_{name}": total(report.with_outcome(outcomes)) for name, outcomes in GROUPS.items()},
        **{name: metadata.wide_table(*table, about) for name, (table, about) in tables.items() if table[1]},
    }
