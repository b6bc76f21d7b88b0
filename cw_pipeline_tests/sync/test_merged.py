"""Two mapped companies are merged in ConnectWise: each sentence about that, followed, bills each seat once."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import pytest

from cw_pipeline.reports.drift.find import find_drift
from cw_pipeline.reports.status import status
from cw_pipeline.sandbox.nordpass.seed import organization_id
from cw_pipeline.setup.mapping import map_company
from cw_pipeline.vocabulary import Month
from cw_pipeline.warehouse.tables import CompanyMappingRow
from cw_pipeline_tests.support.clients import TODAY
from cw_pipeline_tests.support.fake_msp import (
    FEBRUARY,
    MAPPED,
    MARCH,
    agreement_id,
    company_id,
    open_msp,
)
from cw_pipeline_tests.sync.customer import (
    AGREEMENT,
    COMMAND,
    COMPANY,
    ONE,
    ORGANIZATION,
    Customer,
    assert_settled,
    stuck,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cw_pipeline.sandbox import Sandbox
    from cw_pipeline.warehouse.database import Warehouse

OTHER = MAPPED[1]
INTO, ITS_AGREEMENT = company_id(OTHER), agreement_id(OTHER)
"""The company that the customer's is merged into, which has an organization of its own."""
_NOW, _FIRST = datetime(TODAY.year, TODAY.month, TODAY.day, tzinfo=UTC), Month(2025, 1)


@pytest.fixture
def customer(sandbox: Sandbox, warehouse: Warehouse) -> Iterator[Customer]:
    """Two mapped companies, whose organizations used 5 and 7 seats in March; on both databases."""
    with open_msp(sandbox, warehouse) as msp:
        customer = Customer(msp)
        customer.set_up()
        map_company(
            warehouse, INTO, ITS_AGREEMENT, organization_id(OTHER), bill_from=FEBRUARY, first_month=_FIRST, now=_NOW
        )
        msp.use_nothing_but(ONE, OTHER)
        msp.use(5, ONE)
        msp.use(7, OTHER)
        yield customer.here(msp)


def mapped(customer: Customer) -> dict[str, tuple[int, int]]:
    """The company and agreement of each mapped organization."""
    with customer.msp.run.warehouse.transaction() as session:
        return {
            mapping.organization_id: (mapping.company_id, mapping.agreement_id)
            for mapping in session.query(CompanyMappingRow)
        }


def invoiced(customer: Customer, until: date) -> Counter[int]:
    """The seats on the invoices, by the place of their organization; each to the company that there is."""
    connectwise = customer.msp.sandbox.connectwise
    connectwise.invoice(until=until)
    companies = {agreement["id"]: agreement["company"]["id"] for agreement in connectwise.records("agreements")}
    seats: Counter[int] = Counter()
    for invoice in connectwise.invoices():
        for line in invoice["lines"]:
            for place in (ONE, OTHER):
                if line["quantity"] and line["serial_number"] == f"NP:{MARCH}:B:{organization_id(place)}":
                    assert companies[invoice["agreement_id"]] == INTO
                    seats[place] += int(line["quantity"] * line["share"])
    return seats


def before_it_was_billed(_: Customer) -> None: ...


def with_an_open_line(customer: Customer) -> None:
    assert_settled(customer.sync(anew=True))


def after_its_invoice(customer: Customer) -> None:
    with_an_open_line(customer)
    customer.invoice()


def of_the_hold(customer: Customer) -> list[str]:
    outcome, reason = stuck(customer.sync(anew=True))
    assert outcome == "moved"
    *commands, leave_out = COMMAND.findall(reason)
    assert leave_out.endswith("--bill-from 2026-04")
    return commands[1:] if "--credited" in commands[0] else commands


def of_drift(customer: Customer) -> list[str]:
    (finding,) = [each for each in find_drift(customer.msp.run, TODAY) if each.kind == "company_merged"]
    return COMMAND.findall(finding.what_to_do)


def of_the_status(customer: Customer) -> list[str]:
    customer.do("import")
    (sentence,) = status(customer.msp.run.warehouse, first_month=_FIRST, now=_NOW).gone
    return COMMAND.findall(sentence)


@pytest.mark.parametrize("warehouse_url", ["sqlite"], indirect=True)  # the test below is on both databases
@pytest.mark.parametrize("advice", [of_the_hold, of_drift, of_the_status])
@pytest.mark.parametrize("merge", [before_it_was_billed, with_an_open_line, after_its_invoice])
def test_the_organization_of_a_merged_company_is_billed_beside_the_other_s(
    customer: Customer, merge: Callable[[Customer], None], advice: Callable[[Customer], list[str]]
) -> None:
    msp = customer.msp
    merge(customer)
    its_line = msp.lines(OTHER)
    msp.sandbox.connectwise.remove_company(COMPANY, merged_into=INTO)
    msp.use(6, ONE)
    commands = advice(customer)
    assert commands[-1] == (
        f"companies map {INTO} --agreement {AGREEMENT} --organization {ORGANIZATION} --bill-from 2026-02"
    )
    for command in commands:
        customer.do(command)
    assert mapped(customer) == {ORGANIZATION: (INTO, AGREEMENT), organization_id(OTHER): (INTO, ITS_AGREEMENT)}
    assert_settled(customer.sync(anew=True))
    assert customer.billed() == {AGREEMENT: 6}
    assert find_drift(msp.run, TODAY) == []
    assert not its_line or msp.lines(OTHER) == its_line

    msp.use(8, ONE)
    assert_settled(customer.sync(anew=True))
    assert invoiced(customer, date(2026, 6, 1)) == {ONE: 8, OTHER: 7}
    msp.use(9, OTHER)
    assert_settled(customer.sync(anew=True))
    msp.use(7, ONE)
    outcome, reason = stuck(customer.sync(anew=True))
    assert outcome == "credit_due"
    customer.do(*COMMAND.findall(reason))
    assert_settled(customer.sync(anew=True))
    assert invoiced(customer, date(2026, 9, 1)) == {ONE: 8, OTHER: 9}


def test_a_deleted_company_s_organization_is_billed_on_the_other_s_agreement(customer: Customer) -> None:
    connectwise = customer.msp.sandbox.connectwise
    assert_settled(customer.sync(anew=True))
    connectwise.remove_company(COMPANY)
    customer.msp.use(6, ONE)
    outcome, reason = stuck(customer.sync(anew=True))
    assert outcome == "company_deleted"
    assert "to 0 in ConnectWise and run" in reason
    customer.edit_line(quantity=0)
    customer.do(COMMAND.findall(reason)[0])
    customer.map(INTO, ITS_AGREEMENT, bill_from=MARCH)
    assert_settled(customer.sync(anew=True))
    assert customer.billed() == {ITS_AGREEMENT: 6}
    assert invoiced(customer, date(2026, 6, 1)) == {ONE: 6, OTHER: 7}
