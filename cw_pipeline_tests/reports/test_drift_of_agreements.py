"""Companies and agreements that people change by hand in ConnectWise are found."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from cw_pipeline.reports.drift.find import find_drift
from cw_pipeline.sandbox.connectwise.company_names import COMPANY_NAMES
from cw_pipeline.sandbox.nordpass.seed import organization_id
from cw_pipeline_tests.reports.drift import ONE, SPARE, the_finding
from cw_pipeline_tests.support.fake_msp import Msp, agreement_id, company_id


def test_a_mapped_company_that_was_renamed_is_found(synced: Msp) -> None:
    synced.sandbox.connectwise.edit_company(company_id(ONE), name="New Name")
    kind, expected, found, what_to_do = the_finding(synced)
    assert (kind, expected, found) == (
        "company_renamed", f"{COMPANY_NAMES[ONE]} ({company_id(ONE)})", f"New Name ({company_id(ONE)})"
    )  # fmt: skip
    assert "cw-pipeline import" in what_to_do


def test_a_mapped_company_that_was_deleted_is_found(synced: Msp) -> None:
    synced.sandbox.connectwise.edit_company(company_id(ONE), deletedFlag=True)
    assert the_finding(synced)[::2] == ("company_gone", "no such company")


def test_a_merged_company_is_found_with_the_one_that_absorbed_it(synced: Msp) -> None:
    synced.sandbox.connectwise.remove_company(company_id(ONE), merged_into=company_id(SPARE))
    kind, _, found, what_to_do = the_finding(synced)
    assert kind == "company_merged"
    assert found.endswith(f"({company_id(SPARE)})")
    assert f"`cw-pipeline companies unmap {company_id(ONE)} --organization {organization_id(ONE)}`" in what_to_do
    assert f"`cw-pipeline companies map {company_id(SPARE)} --agreement {agreement_id(ONE)} " in what_to_do


def test_a_mapped_agreement_that_was_given_to_another_company_is_found(synced: Msp) -> None:
    synced.sandbox.connectwise.edit_agreement(agreement_id(ONE), company=company_id(SPARE))
    assert the_finding(synced)[0] == "agreement_moved"


@pytest.mark.parametrize(
    ("fields", "found", "advice"),
    [
        ({"cancelledFlag": True}, "not active", "Renew it"),
        ({"noEndingDateFlag": False, "endDate": "2026-03-31T00:00:00Z"}, "not active", "Renew it"),
        ({"nextInvoiceDate": "9999-12-31"}, "never invoiced next", "Set its next invoice date"),
        ({"billStartDate": "9999-12-31"}, "not active", "Renew it"),
    ],
    ids=["cancelled", "expired", "never invoiced", "never started"],
)
def test_a_mapped_agreement_that_bills_nothing_more_is_found(
    synced: Msp, fields: dict[str, Any], found: str, advice: str
) -> None:
    synced.sandbox.connectwise.edit_agreement(agreement_id(ONE), **fields)
    kind, _, shown, what_to_do = the_finding(synced)
    assert (kind, shown) == ("agreement_not_billable", found)
    assert what_to_do.startswith(advice)


def test_a_mapped_agreement_that_has_ended_is_found_whatever_its_status(synced: Msp) -> None:
    synced.sandbox.connectwise.edit_agreement(agreement_id(ONE), noEndingDateFlag=False, endDate="2026-04-10T00:00:00Z")
    assert find_drift(synced.run, date(2026, 4, 10)) == []
    (finding,) = find_drift(synced.run, date(2026, 4, 11))
    assert finding.found == "ended on 2026-04-10"


def test_a_missing_mapped_agreement_is_reported_once_and_not_per_line(synced: Msp) -> None:
    synced.sandbox.connectwise.remove("agreements", agreement_id(ONE))
    kind, _, found, _ = the_finding(synced)
    assert kind == "agreement_not_billable"
    assert "no such agreement" in found


def test_a_line_on_a_missing_unmapped_agreement_is_reported_as_deleted(synced: Msp) -> None:
    synced.map(ONE, agreement=agreement_id(SPARE))
    synced.sandbox.connectwise.edit_agreement(agreement_id(SPARE), company=company_id(ONE))
    synced.sandbox.connectwise.remove("agreements", agreement_id(ONE))
    kind, expected, _, what_to_do = the_finding(synced)
    assert (kind, expected) == ("deleted", "quantity 5")
    assert "lines accept" in what_to_do
