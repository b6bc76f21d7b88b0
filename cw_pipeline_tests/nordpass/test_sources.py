"""Both sources are one interface: the same usage gives the same rows, whichever of them reports it."""

import csv
import json
import os
import tempfile
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import responses
from hypothesis import given, settings
from hypothesis import strategies as st

from cw_pipeline.nordpass.models import MOST_LICENSES, UsageReport, UsageRow, is_id, is_text
from cw_pipeline.nordpass.provider_api import ProviderApi
from cw_pipeline.nordpass.source import NordPass
from cw_pipeline.nordpass.usage_exports import SETTLES_IN, UsageExports
from cw_pipeline.vocabulary import LicenseType, Month, Plan
from cw_pipeline_tests.nordpass.conftest import MSP, URL, pem_of, rsa_key
from cw_pipeline_tests.nordpass.replies import HEADER, usage_page

MADE = datetime(2026, 4, 1, 0, 1, 2, tzinfo=UTC)
COLUMNS = HEADER.strip().split(",")
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)

usage_rows = st.lists(
    st.builds(
        UsageRow,
        organization_id=TEXT.filter(is_id),
        organization_name=TEXT.filter(is_text),
        plan=st.sampled_from(Plan),
        license_type=st.sampled_from(LicenseType),
        msp_managed=st.booleans(),
        consumed_licenses=st.integers(0, MOST_LICENSES),
    ),
    max_size=8,
    unique_by=lambda row: row.organization_id,
)


def through_the_api(rows: list[UsageRow], page_size: int) -> UsageReport:
    items = [json.loads(row.model_dump_json()) for row in rows]
    pages = [items[start : start + page_size] for start in range(0, len(items), page_size)] or [[]]
    with responses.RequestsMock() as http:
        for number, page in enumerate(pages, start=1):
            cursor = str(number) if number < len(pages) else None
            http.get(f"{URL}/v1/usage/monthly", json=usage_page(*page, next_cursor=cursor))
        return report_of(ProviderApi(URL, msp_id=MSP, private_key=pem_of(rsa_key())))


def through_an_export(rows: list[UsageRow]) -> UsageReport:
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    writer.writerows([getattr(row, column) for column in COLUMNS] for row in rows)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "usage-2026-03.csv"
        file.write_bytes(text.getvalue().encode())
        os.utime(file, (MADE.timestamp(), MADE.timestamp()))
        return report_of(UsageExports(Path(folder), now=lambda: MADE + SETTLES_IN))


def report_of(source: NordPass) -> UsageReport:
    with source:
        return source.monthly_usage(Month(2026, 3))


@settings(max_examples=60, deadline=None)
@given(usage_rows, st.integers(1, 4))
def test_the_same_usage_gives_the_same_report_from_both_sources(rows: list[UsageRow], page_size: int) -> None:
    expected = UsageReport(month=Month(2026, 3), generated_at=MADE, rows=tuple(rows))
    assert through_the_api(rows, page_size) == expected
    assert through_an_export(rows) == expected
