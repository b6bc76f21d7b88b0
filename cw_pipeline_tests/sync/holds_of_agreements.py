"""The holds of agreements and companies: how a month comes to each, and each way out that its sentence names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cw_pipeline_tests.sync.customer import AGREEMENT, COMPANY, OTHER_AGREEMENT, OTHER_COMPANY, RENEWED, SEATS
from cw_pipeline_tests.sync.happenings import (
    Held,
    Way,
    agreement,
    company,
    cycle,
    given_away,
    in_turn,
    invoiced,
    line,
    mapped_to,
    to_another_company,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

HERE = {AGREEMENT: SEATS}
SETTLED: Mapping[int, int] = {}
ELSEWHERE = {OTHER_AGREEMENT: SEATS}
ANOTHER = {RENEWED: SEATS}
BY_HAND = "settle the month by hand and leave it out"
CANCEL, RENEW = agreement(cancelledFlag=True), agreement(cancelledFlag=False)
END = agreement(noEndingDateFlag=False, endDate="2026-03-31T00:00:00Z")
UNEND = agreement(noEndingDateFlag=True, endDate=None)
NEVER, NEXT_IN_APRIL, NEXT_IN_MAY = (
    agreement(nextInvoiceDate=day) for day in ("9999-12-31", "2026-04-01", "2026-05-01")
)

HOLDS_OF_AGREEMENTS: dict[str, Held] = {
    "the agreement was cancelled": Held(
        "agreement_inactive",
        CANCEL,
        {
            "renewed": Way("Renew it in ConnectWise", HERE, RENEW),
            "mapped": Way("map the company to another agreement", ANOTHER, mapped_to(COMPANY, RENEWED)),
            "left out": Way(BY_HAND, SETTLED, commands=(0,)),
        },
        billed_before=False,
    ),
    "the agreement was cancelled under an open line": Held(
        "agreement_inactive",
        CANCEL,
        {
            "renewed": Way("Renew it in ConnectWise", HERE, RENEW),
            "mapped": Way(
                "to 0 in ConnectWise and map the company to another agreement",
                ANOTHER,
                in_turn(line(quantity=0), mapped_to(COMPANY, RENEWED)),
            ),
            "left out": Way(BY_HAND, HERE, commands=(0,)),
        },
    ),
    "the agreement ended": Held(
        "agreement_inactive",
        END,
        {
            "renewed": Way("Renew it in ConnectWise", HERE, UNEND),
            "mapped": Way("map the company to another agreement", ANOTHER, mapped_to(COMPANY, RENEWED)),
            "left out": Way(BY_HAND, SETTLED, commands=(0,)),
        },
        billed_before=False,
    ),
    "the agreement is gone": Held(
        "agreement_inactive",
        lambda customer: customer.msp.sandbox.connectwise.remove("agreements", AGREEMENT),
        {
            "mapped": Way("Map the company to another agreement", ANOTHER, mapped_to(COMPANY, RENEWED)),
            "left out": Way(BY_HAND, SETTLED, commands=(0,)),
        },
        billed_before=False,
    ),
    "the agreement is never invoiced next": Held(
        "agreement_inactive",
        NEVER,
        {
            "dated": Way("Set its next invoice date to the first day that is not invoiced yet", HERE, NEXT_IN_APRIL),
            "left out": Way(BY_HAND, SETTLED, commands=(0,)),
        },
        billed_before=False,
    ),
    "the open line of an agreement that the company left is in the way": Held(
        "agreement_inactive",
        in_turn(CANCEL, mapped_to(COMPANY, RENEWED)),
        {
            "renewed": Way("Renew it in ConnectWise", ANOTHER, RENEW),
            "zeroed": Way("to 0 in ConnectWise", ANOTHER, line(quantity=0)),
        },
    ),
    "the agreement is billed for another period": Held(
        "agreement_changed",
        agreement(periodType="Future"),
        {
            "set back": Way("Set that back in ConnectWise", HERE, agreement(periodType="Current")),
            "accepted": Way("if lines are to be billed so", HERE, commands=(0, 1)),
        },
    ),
    "the agreement is billed weekly": Held(
        "agreement_changed",
        in_turn(cycle("Weekly"), lambda customer: customer.do("import")),
        {
            "set back": Way("Set that back in ConnectWise", HERE, cycle("Monthly")),
            "mapped": Way(
                "to 0 in ConnectWise and map the company to another agreement",
                ANOTHER,
                in_turn(line(quantity=0), mapped_to(COMPANY, RENEWED)),
            ),
            "left out": Way(BY_HAND, HERE, commands=(0,)),
        },
    ),
    "the company was deleted": Held(
        "company_deleted",
        in_turn(company(deletedFlag=True), lambda customer: customer.do("import")),
        {
            "restored": Way("Restore it", HERE, company(deletedFlag=False)),
            "mapped": Way(
                "and map the organization to another company",
                ELSEWHERE,
                commands=(0,),
                then=mapped_to(OTHER_COMPANY, OTHER_AGREEMENT),
            ),
            "left out": Way(BY_HAND, SETTLED, commands=(1,)),
        },
        billed_before=False,
    ),
    "the company was deleted under an open line": Held(
        "company_deleted",
        company(deletedFlag=True),
        {
            "restored": Way("Restore it", HERE, company(deletedFlag=False)),
            "mapped": Way(
                "to 0 in ConnectWise and run",
                ELSEWHERE,
                line(quantity=0),
                commands=(0,),
                then=mapped_to(OTHER_COMPANY, OTHER_AGREEMENT),
            ),
            "left out": Way(BY_HAND, HERE, commands=(1,)),
        },
    ),
    "the agreement was given to another company": Held(
        "moved",
        given_away,
        {
            "given back": Way("Give it back in ConnectWise", HERE, agreement(company=COMPANY)),
            "mapped": Way("if the company that has it now is to be billed", HERE, commands=(0, 1, 2)),
            "left out": Way(BY_HAND, SETTLED, commands=(3,)),
        },
        billed_before=False,
    ),
    "the agreement was given to another company with an open line": Held(
        "moved",
        given_away,
        {
            "given back": Way("Give it back in ConnectWise", HERE, agreement(company=COMPANY)),
            "mapped": Way("if the company that has it now is to be billed", HERE, commands=(0, 1, 2)),
            "left out": Way(BY_HAND, HERE, commands=(3,)),
        },
    ),
    "the month was invoiced to another company": Held(
        "moved",
        in_turn(invoiced, to_another_company),
        {
            "credited": Way(f"Credit company {COMPANY}", {**HERE, **ELSEWHERE}, commands=(0,)),
            "mapped back": Way("map the organization back", HERE, commands=(1, 2)),
            "left out": Way(BY_HAND, HERE, commands=(3,)),
        },
    ),
    "the month was invoiced to another company, whose agreement was cancelled": Held(
        "moved",
        in_turn(invoiced, CANCEL, to_another_company, lambda customer: customer.do("import")),
        {
            "credited": Way(f"Credit company {COMPANY}", {**HERE, **ELSEWHERE}, commands=(0,)),
            "left out": Way(BY_HAND, HERE, commands=(1,)),
        },
    ),
}
