"""How many requests and SQL statements a sync takes."""

from __future__ import annotations

import re
from collections import Counter
from datetime import date
from typing import TYPE_CHECKING

from sqlalchemy import select

from cw_pipeline.connectwise.models import Addition
from cw_pipeline.vocabulary import Month
from cw_pipeline.warehouse.runs import run_results
from cw_pipeline.warehouse.tables import PreviewRow
from cw_pipeline_tests.support.fake_msp import MAPPED, MARCH, additions_of
from cw_pipeline_tests.support.sql_work import counted_work

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pytest

    from cw_pipeline_tests.support.fake_msp import Msp

A_FEW_PAGES = 6
"""The codebase, the billing cycles, the agreements and their companies, and the agreements once more at the end."""
OF_THE_COMPANIES = {*map(additions_of, MAPPED), "/agreements/1073/additions", "/agreements/1091/additions"}
"""Two of the companies have another agreement each."""
STATEMENTS = 42
"""Of a repeat: most read what a preview is made from, or check under the lock that it has not changed."""
YEAR = tuple(Month(2025, 4).until(MARCH))


def reads_of_lines(msp: Msp) -> Counter[str]:
    """How often each agreement's lines were read."""
    reads = [entry.path for entry in msp.sandbox.journal.reads("/additions")]
    return Counter(match[0] for path in reads if (match := re.search(r"/agreements/\d+/additions", path)))


def test_the_first_push_searches_each_company_once_and_writes_each_line_once(msp: Msp) -> None:
    pushed = msp.sync()
    assert pushed.outcomes() == ["created"] * len(MAPPED)
    assert reads_of_lines(msp) == dict.fromkeys(OF_THE_COMPANIES, 1)
    assert len(msp.sandbox.journal.reads("/v4_6_release/")) <= len(OF_THE_COMPANIES) + A_FEW_PAGES
    assert msp.written() == len(MAPPED)


def test_a_repeat_reads_each_mapped_agreement_s_lines_once_and_writes_nothing(msp: Msp) -> None:
    msp.sync()
    msp.sandbox.journal.clear()
    assert msp.sync().outcomes() == ["unchanged"] * len(MAPPED)
    assert reads_of_lines(msp) == dict.fromkeys(map(additions_of, MAPPED), 1)
    assert len(msp.sandbox.journal.reads("/v4_6_release/")) <= len(MAPPED) + A_FEW_PAGES
    assert msp.written() == 0


def test_a_repeat_takes_few_statements(msp: Msp) -> None:
    msp.sync()
    with counted_work(msp.run.warehouse) as work:
        assert msp.sync().outcomes() == ["unchanged"] * len(MAPPED)
    assert work["statements"] <= STATEMENTS


def test_a_repeat_reads_no_empty_page_after_an_agreement_s_lines(msp: Msp) -> None:
    msp.sandbox.connectwise.change_settings(numbered_pages_end_with_empty_page=True)
    msp.sync()
    msp.sandbox.journal.clear()
    assert msp.sync().outcomes() == ["unchanged"] * len(MAPPED)
    assert reads_of_lines(msp) == dict.fromkeys(map(additions_of, MAPPED), 1)


def test_twelve_months_in_one_run_read_each_agreement_s_lines_once(msp: Msp) -> None:
    for place in MAPPED:
        msp.map(place, bill_from=YEAR[0])
    msp.fetch(*YEAR)
    msp.preview(*YEAR)
    pushed = msp.push(*YEAR)
    assert [str(each.preview.month) for each in pushed] == [str(month) for month in YEAR]
    assert reads_of_lines(msp) == dict.fromkeys(OF_THE_COMPANIES, 1)
    with msp.run.warehouse.transaction() as session:
        requests_read = session.scalars(select(PreviewRow.requests_read).order_by(PreviewRow.id)).all()
    assert list(requests_read[1:]) == [0] * 11
    billed = {month: [sum(msp.quantities(place, month)) for place in MAPPED] for month in YEAR}
    assert billed == {month: msp.used(month) for month in YEAR}


def test_pushing_a_current_preview_only_reads_whether_something_was_invoiced_meanwhile(msp: Msp) -> None:
    msp.fetch()
    msp.preview()
    reads = len(msp.sandbox.journal.reads())
    (pushed,) = msp.push()
    assert len(msp.sandbox.journal.reads()) == reads + 1
    assert (pushed.requests_read, pushed.requests_written) == (1, len(MAPPED))


def test_a_run_reports_the_requests_that_it_sent(msp: Msp) -> None:
    msp.sync()
    with msp.run.warehouse.transaction() as session:
        (report,) = run_results(session, msp.run.run_id, pushed=True)
    requests = msp.run.connectwise.requests
    assert (report.requests_read, report.requests_written) == (requests.read, requests.written)


def test_a_push_whose_preview_was_made_anew_reports_its_requests_once(msp: Msp) -> None:
    msp.fetch()
    msp.push()
    with msp.run.warehouse.transaction() as session:
        (report,) = run_results(session, msp.run.run_id, pushed=True)
    requests = msp.run.connectwise.requests
    assert (report.requests_read, report.requests_written) == (requests.read, requests.written)


def test_lines_of_other_months_whose_invoice_is_known_are_not_checked_again(
    msp: Msp, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in MAPPED:
        msp.map(place, bill_from=YEAR[0])
    msp.sync(*YEAR[:-1])
    msp.sandbox.connectwise.invoice(until=date(2027, 1, 1))
    msp.sync(*YEAR[-2:])
    checked: list[int] = []
    validate = Addition.model_validate.__func__

    def noted(model: type[Addition], record: Mapping[str, int], *more: object) -> Addition:
        checked.append(record["id"])
        return validate(model, record, *more)

    monkeypatch.setattr(Addition, "model_validate", classmethod(noted))
    assert msp.sync().outcomes() == ["unchanged"] * len(MAPPED)
    assert len(checked) == len(MAPPED)
