"""The Dagster UI in a real browser, as people see it: one webserver, and a small MSP whose last months are synced."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cw_pipeline.definitions import defs
from cw_pipeline.orchestration.runs import local_instance, run_months
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
