"""What has drifted of the one company, and how it is changed by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cw_pipeline.reports.drift.find import find_drift
from cw_pipeline.sandbox.nordpass.seed import organization_id
from cw_pipeline_tests.support.clients import TODAY
from cw_pipeline_tests.support.fake_msp import MAPPED, Msp, agreement_id

if TYPE_CHECKING:
    from cw_pipeline.reports.drift.findings import Finding
    from cw_pipeline.sandbox.wire import Record

ONE, TWO, THREE = MAPPED
SPARE = 24
"""A company without an organization."""
SYNC = "`cw-pipeline sync --month 2026-03`"


def drift(msp: Msp) -> list[Finding]:
    """What has drifted; looking at it only reads, and reads each agreement's lines once."""
    msp.sandbox.journal.clear()
    findings = find_drift(msp.run, TODAY)
    assert {entry.method for entry in msp.sandbox.journal.entries()} == {"GET"}
    paths = [entry.path for entry in msp.sandbox.journal.reads("additions")]
    assert len(paths) == len(set(paths))
    return findings


def the_finding(msp: Msp) -> tuple[str, str, str, str]:
    """The kind of the one finding, what was expected, what was found, and what to do."""
    (finding,) = drift(msp)
    assert finding.organization_id in {organization_id(place) for place in MAPPED}
    return finding.kind.value, finding.expected, finding.found, finding.what_to_do


def the_line(msp: Msp, place: int = ONE) -> Record:
    (line,) = msp.lines(place)
    return line


def edit(msp: Msp, **fields: Any) -> None:  # noqa: ANN401 - any JSON
    msp.sandbox.connectwise.edit_addition(agreement_id(ONE), the_line(msp)["id"], **fields)
