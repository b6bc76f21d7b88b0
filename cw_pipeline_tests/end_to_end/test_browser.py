"""The Dagster UI in a real browser, as people see it: one webserver, and a small MSP whose last months are synced."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cw_pipeline.definitions import defs
from cw_pipeline.orchestration.runs import local_instance, run_months
from cw_pipeline.reports.month_report.files import usual_file
from cw_pipeline.sandbox.sandbox import Sandbox
from cw_pipeline_tests.end_to_end.conftest import Webserver, dagster_webserver
from cw_pipeline_tests.support.active import LAST_CLOSED, activate, use
from cw_pipeline_tests.support.browser import SIZES, opened, scrolls_sideways

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

FIRST = LAST_CLOSED.plus(-1)


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
        with dagster_webserver(home / "webserver.log") as webserver:
            yield webserver


@pytest.mark.parametrize("size", SIZES)
def test_a_synced_month_is_shown(ui: Webserver, browser: Browser, size: str) -> None:
    page = opened(browser, f"{ui.url}/assets/connectwise_push?view=partitions&partition={LAST_CLOSED}", size=size)
    page.get_by_text("seats_used").wait_for()
    assert not scrolls_sideways(page)
    page.close()


def test_a_month_s_report_shows_the_picture_of_the_year(ui: Webserver, browser: Browser) -> None:
    page = opened(browser, f"{ui.url}/assets/month_report?view=partitions&partition={LAST_CLOSED}")
    page.get_by_text("[Show Markdown]").click()
    picture = page.get_by_alt_text("Seats used in the last twelve months")
    picture.wait_for()
    assert picture.evaluate("picture => [picture.complete, picture.naturalWidth]") == [True, 760]
    page.close()


@pytest.mark.usefixtures("ui")
@pytest.mark.parametrize("size", SIZES)
def test_a_month_s_report_fits_and_asks_for_nothing_else(browser: Browser, size: str) -> None:
    file = usual_file(Path(os.environ["CW_PIPELINE_HOME"]), LAST_CLOSED, "html")
    page = opened(browser, file.as_uri(), size=size)
    assert page.get_by_role("heading", level=1).inner_text() == f"NordPass seats in {LAST_CLOSED.name}"
    assert not scrolls_sideways(page)
    loaded = page.evaluate("performance.getEntriesByType('resource').map(one => one.name)")
    assert loaded == []
    page.close()
