"""The asset `month_report`: there for every month that was pushed, whatever became of its lines."""

from __future__ import annotations

from base64 import b64decode
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from cw_pipeline.orchestration.assets import month_report as assets
from cw_pipeline.orchestration.assets.month_report import MONTH_REPORT
from cw_pipeline.orchestration.assets.months import PUSH
from cw_pipeline.sandbox.faults import FaultKind
from cw_pipeline.wording.markdown import unescaped
from cw_pipeline_tests.orchestration.monthly_runs import (
    FIRST,
    LAST,
    MIDDLE,
    MONTHS,
    failure_of,
    latest,
    materialized,
    run,
)

if TYPE_CHECKING:
    from pathlib import Path

    import dagster as dg
    from sqlalchemy.orm import Session

    from cw_pipeline.sandbox.sandbox import Sandbox
    from cw_pipeline.vocabulary import Month
    from cw_pipeline_tests.support.active import Active


def test_months_with_held_or_failed_lines_have_a_report(
    sandbox: Sandbox, active: Active, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    held, failed = active.mapped[:2]
    sandbox.connectwise.edit_agreement(held.agreement_id, cancelledFlag=True)
    sandbox.nordpass.set_report_final(str(MIDDLE), final=False)
    for one in (held, failed):
        sandbox.nordpass.set_usage(one.organization_id, str(LAST), 20)
    path = f"/finance/agreements/{failed.agreement_id}/"
    sandbox.faults.add(FaultKind.STATUS, method="POST", path=path, body=f"NP:{LAST}", times=None, status=400)
    result = run(instance, MONTHS)
    assert not result.success
    assert materialized(instance, PUSH) == {str(FIRST)}
    assert materialized(instance, MONTH_REPORT) == {str(FIRST), str(LAST)}
    assert len(instance.fetch_materializations(MONTH_REPORT.key, limit=9).records) == 2
    details = latest(instance, MONTH_REPORT, LAST)
    assert details["seats_used"] == sum(details[f"seats_{group}"] for group in ("billed", "waiting", "not_billed"))
    about, table = unescaped(details["waiting"]).strip().split("\n\n")
    assert f"/assets/{PUSH.key.to_user_string()}?view=partitions&partition={LAST}" in about
    _, _, *waiting = table.splitlines()
    assert {row.split(" | ")[2] for row in waiting} == {held.organization_name, failed.organization_name}
    assert details["page"] == str(tmp_path / "reports" / f"nordpass-seats-{LAST}.html")
    kind, _, picture = details["year"].partition("](data:image/svg+xml;base64,")
    assert kind == "![Seats used in the last twelve months"
    assert ET.fromstring(b64decode(picture.removesuffix(")"))).get("role") == "img"


@pytest.mark.usefixtures("active")
def test_alone_it_needs_only_the_warehouse_and_a_push(
    sandbox: Sandbox, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert run(instance, [LAST]).success
    monkeypatch.delenv("CONNECTWISE_SITE_URL")
    monkeypatch.setenv("CW_PIPELINE_DATABASE_URL", f"sqlite:///{tmp_path / 'warehouse.db'}")
    no_folder = tmp_path / "file"
    no_folder.write_text("")
    monkeypatch.setenv("CW_PIPELINE_HOME", str(no_folder))
    sandbox.journal.clear()
    assert run(instance, [LAST], assets=[MONTH_REPORT]).success
    assert "cannot be written" in latest(instance, MONTH_REPORT, LAST)["page"]
    result = run(instance, [MIDDLE, LAST], assets=[MONTH_REPORT])
    assert not result.success
    assert failure_of(result).startswith(f"{MIDDLE} was never pushed")
    assert materialized(instance, MONTH_REPORT) == {str(LAST)}
    assert sandbox.journal.entries() == []


@pytest.mark.usefixtures("active")
def test_a_report_that_cannot_be_made_hides_no_line_that_failed(
    sandbox: Sandbox, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_session: Session, _month: Month) -> None:
        raise ArithmeticError

    monkeypatch.setattr(assets, "month_report", broken)
    assert not run(instance, [FIRST]).success
    assert materialized(instance, PUSH) == {str(FIRST)}
    sandbox.faults.add(FaultKind.STATUS, method="POST", path="additions", times=1, status=400)
    assert f"{LAST}: 1 line failed" in failure_of(run(instance, [LAST]))
