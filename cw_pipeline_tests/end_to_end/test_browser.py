"""The Dagster UI in a real browser, as people see it: one webserver, and a small MSP whose last months are synced."""

from __future__ import annotations

import os
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
import yaml

from cw_pipeline.billing.outcomes import HELD, Outcome
from cw_pipeline.billing.preview import Preview
from cw_pipeline.definitions import defs
from cw_pipeline.orchestration import metadata
from cw_pipeline.orchestration.assets.months import PUSH
from cw_pipeline.orchestration.assets.setup import mapped_organizations
from cw_pipeline.orchestration.launchpad import filled_in
from cw_pipeline.orchestration.runs import local_instance, run_months
from cw_pipeline.orchestration.setup_metadata import suggestion_details
from cw_pipeline.reports.month_report.files import usual_file
from cw_pipeline.sandbox.connectwise.api import COMPANY_ID
from cw_pipeline.sandbox.sandbox import Sandbox
from cw_pipeline.settings import Settings
from cw_pipeline.setup.clients import open_sync_run
from cw_pipeline.warehouse.pushes import PushedMonth
from cw_pipeline_tests.end_to_end.conftest import Webserver, dagster_webserver
from cw_pipeline_tests.support.active import LAST_CLOSED, activate, use
from cw_pipeline_tests.support.browser import SIZES, opened, scrolls_sideways
from cw_pipeline_tests.warehouse.examples import a_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import BrowserContext, Dialog, Locator, Page

FIRST = LAST_CLOSED.plus(-1)
LARGE = LAST_CLOSED.plus(-2)
"""A month of 300 organizations with hostile names."""
HOSTILE = (
    "[x](javascript:alert(1)) <img src=x onerror=alert(2)> `code` | **bold** https://example.com Überlandwerke GmbH"
)


def _large_push() -> PushedMonth:
    outcomes = [*sorted(HELD), Outcome.REJECTED, Outcome.UNMAPPED, *([Outcome.UNCHANGED] * 9)]
    lines = [
        replace(
            a_line(outcomes[number % len(outcomes)], number, organization_id=f"org-{number}"),
            organization_name=f"{number} {HOSTILE}",
            reason=f"{HOSTILE} is held. Accept it with `cw-pipeline lines accept --month {LARGE} --organization org`.",
        )
        for number in range(300)
    ]
    seats = int(sum((line.seats for line in lines), Decimal(0)))
    return PushedMonth(Preview(LARGE, seats, tuple(lines)), 1, 0, 0)


@pytest.fixture(scope="module")
def ui(browser_program: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Webserver]:
    """The UI of an integration whose last two months are synced; nothing starts there, because there is no daemon."""
    assert browser_program
    home = tmp_path_factory.mktemp("ui")
    with pytest.MonkeyPatch.context() as patched, Sandbox() as sandbox:
        use(patched, {**sandbox.environment(), "CW_PIPELINE_HOME": str(home)})
        patched.delenv("DAGSTER_HOME", raising=False)
        activate(FIRST)
        with local_instance(home) as instance:
            run_months(defs.resolve_job_def("sync_now"), [FIRST, LAST_CLOSED], instance, on_month=lambda _a, _m: None)
            with open_sync_run(Settings(), who="", run_id="", say=print) as run:
                shown: Any = metadata.push_details(_large_push(), run)
                suggested: Any = suggestion_details(run.warehouse)
            instance.report_runless_asset_event(dg.AssetMaterialization(PUSH.key, partition=str(LARGE), metadata=shown))
            instance.report_runless_asset_event(dg.AssetMaterialization(mapped_organizations.key, metadata=suggested))
        with dagster_webserver(home / "webserver.log") as webserver:
            yield webserver


RUNS = """
query Runs($job: String!) {
  runsOrError(filter: {pipelineName: $job}, limit: 1) {
    ... on Runs { results { runId runConfigYaml tags { key value } } }
  }
}
"""


def last_run(ui: Webserver, job: str) -> tuple[dict[str, str], dict[str, Any]]:
    """The tags and the config of a job's last run."""
    (run,) = ui.query(RUNS, job=job)["runsOrError"]["results"]
    return {tag["key"]: tag["value"] for tag in run["tags"]}, yaml.safe_load(run["runConfigYaml"])


def month_page(ui: Webserver, browser: BrowserContext, month: object, size: str) -> Page:
    page = opened(browser, f"{ui.url}/assets/connectwise_push?view=partitions&partition={month}", size=size)
    page.get_by_text("seats_used").wait_for()
    return page


def fits(table: Locator, room: Locator) -> bool:
    """Whether a table is not wider than the room that it stands in."""
    table_box, room_box = table.bounding_box(), room.bounding_box()
    assert table_box
    assert room_box
    return table_box["x"] + table_box["width"] <= room_box["x"] + room_box["width"]


def the_list(page: Page, name: str) -> Locator:
    """The window with one of the page's lists."""
    row = page.locator("tr", has=page.get_by_text(name, exact=True))
    row.get_by_text("[Show Markdown]").click()
    return page.locator(".bp5-dialog, .bp4-dialog, [role=dialog]").filter(has=page.get_by_role("button", name="Close"))


@pytest.mark.parametrize("size", SIZES)
def test_a_synced_month_says_first_what_it_came_to(ui: Webserver, browser: BrowserContext, size: str) -> None:
    page = month_page(ui, browser, LAST_CLOSED, size)
    first, second = page.locator("tr").nth(0).inner_text(), page.locator("tr").nth(1).inner_text()
    assert "seats used" in first
    assert f"Against {FIRST.name}: " in first
    assert second.startswith(("needs_a_person", "written"))
    assert fits(page.locator("table").first, page.locator("body"))
    written = the_list(page, "written")
    written.get_by_role("link", name="Managed Services").first.wait_for()
    assert fits(written.locator("table"), written)


@pytest.mark.parametrize("size", SIZES)
def test_a_month_of_300_organizations_is_read_without_scrolling_sideways(
    ui: Webserver, browser: BrowserContext, size: str
) -> None:
    page = month_page(ui, browser, LARGE, size)
    alerts: list[str] = []

    def note(dialog: Dialog) -> None:
        alerts.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", note)
    assert fits(page.locator("table").first, page.locator("body"))
    numbers: set[int] = set()
    for name in ("needs_a_person", "unmapped", "unchanged"):
        window = the_list(page, name)
        window.locator("td").first.wait_for()
        assert fits(window.locator("table"), window), name
        assert window.locator("img").count() == 0
        assert window.locator("a[href^='javascript'], a[href*='example.com']").count() == 0
        rows = window.locator("tbody tr")
        assert HOSTILE in rows.first.inner_text().replace("\u2060", "")
        numbers |= {int(text.split()[0]) for text in rows.locator("td", has_text="Überlandwerke").all_inner_texts()}
        window.get_by_role("button", name="Close").click()
        window.wait_for(state="detached")
    assert numbers == set(range(300))
    assert alerts == []
    needing = the_list(page, "needs_a_person")
    assert needing.locator("code", has_text="ops: {accept_invoiced_lines: ").count()


def test_a_month_s_report_shows_the_picture_of_the_year(ui: Webserver, browser: BrowserContext) -> None:
    page = opened(browser, f"{ui.url}/assets/month_report?view=partitions&partition={LAST_CLOSED}", size="small")
    page.get_by_text("seats_used").wait_for()
    assert fits(page.locator("table").first, page.locator("body"))
    page.locator("tr", has=page.get_by_text("year", exact=True)).get_by_text("[Show Markdown]").click()
    picture = page.get_by_alt_text("Seats used in the last twelve months")
    picture.wait_for()
    assert picture.evaluate("picture => [picture.complete, picture.naturalWidth]") == [True, 760]


@pytest.mark.usefixtures("ui")
@pytest.mark.parametrize("size", SIZES)
def test_a_month_s_report_fits_and_asks_for_nothing_else(browser: BrowserContext, size: str) -> None:
    file = usual_file(Path(os.environ["CW_PIPELINE_HOME"]), LAST_CLOSED, "html")
    page = opened(browser, file.as_uri(), size=size)
    assert page.get_by_role("heading", level=1).inner_text() == f"NordPass seats in {LAST_CLOSED.name}"
    assert not scrolls_sideways(page)
    loaded = page.evaluate("performance.getEntriesByType('resource').map(one => one.name)")
    assert loaded == []


@pytest.mark.parametrize("size", SIZES)
def test_a_launchpad_opens_filled_and_with_comments_from_the_job_s_page(
    ui: Webserver, browser: BrowserContext, size: str
) -> None:
    for job, field in (("add_organization", "contact_email"), ("map_companies", "accept_certain")):
        jobs = f"{ui.url}/locations/cw_pipeline/jobs/{job}"
        page = opened(browser, f"{jobs}/playground", size=size)
        page.get_by_text("No errors").wait_for()
        assert field in page.locator(".CodeMirror").first.inner_text()
        page = opened(browser, jobs, size=size)
        page.get_by_text("Open the Launchpad with comments").click()
        page.get_by_text("No errors").wait_for()
        editor = page.locator(".CodeMirror").first.inner_text()
        assert field in editor
        assert "# " in editor


def test_mappings_are_completed_in_the_launchpad_or_a_spreadsheet(ui: Webserver, browser: BrowserContext) -> None:
    page = opened(browser, f"{ui.url}/assets/mapped_organizations", size="small")
    rows = the_list(page, "rows")
    rows.locator("td").first.wait_for()
    assert fits(rows.locator("table"), rows)
    rows.get_by_role("button", name="Close").click()
    rows.wait_for(state="detached")
    the_list(page, "launchpad").get_by_role("link").first.click()
    page.get_by_text("No errors").wait_for()
    assert "company_id,company_name,agreement_id" in page.locator(".CodeMirror").first.inner_text()


def test_a_launchpad_takes_the_company_to_disconnect(ui: Webserver, browser: BrowserContext) -> None:
    wanted = {"ops": {"remove_mappings": {"config": {"confirm_company": COMPANY_ID}}}}
    page = opened(browser, ui.url + filled_in("disconnect", yaml.safe_dump(wanted)))
    page.get_by_text("No errors").wait_for()
    page.get_by_role("button", name="Launch Run").click()
    page.wait_for_url("**/runs/*")
    assert last_run(ui, "disconnect")[1] == wanted


def test_a_month_is_synced_from_the_timeline(ui: Webserver, browser: BrowserContext) -> None:
    page = opened(browser, ui.url)
    page.get_by_role("link", name="sync_now").click()
    page.get_by_role("button", name="Materialize all").click()
    page.get_by_role("button", name="Latest").click()
    page.get_by_role("button", name="Launch", exact=False).last.click()
    page.get_by_text("Launched run").first.wait_for()
    assert last_run(ui, "sync_now")[0]["dagster/partition"] == str(LAST_CLOSED)
