"""Every kind of hold: how a month comes to it, and each way out that its sentence names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cw_pipeline_tests.sync.customer import AGREEMENT, COMPANY, OTHER_AGREEMENT, OTHER_COMPANY, RENEWED, SEATS
from cw_pipeline_tests.sync.happenings import (
    Held,
    Way,
    agreement,
    company,
    copied,
    corrected,
    cycle,
    deleted_line,
    given_away,
    given_back,
    in_turn,
    invoiced,
    line,
    made_again,
    mapped_to,
    replaced_line,
    seen_invoiced,
    taken_over,
    to_another_company,
    unreadable,
    use,
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
ACCEPTED = "accept that with"

HOLDS: dict[str, Held] = {
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
            "accepted": Way("if the line is to be billed so", HERE, commands=(0, 1)),
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
            "credited": Way("Credit that company", {**HERE, **ELSEWHERE}, commands=(0,)),
            "mapped back": Way("map the organization back", HERE, commands=(1, 2)),
            "left out": Way(BY_HAND, HERE, commands=(3,)),
        },
    ),
    "the month was invoiced to another company, whose agreement was cancelled": Held(
        "moved",
        in_turn(invoiced, CANCEL, to_another_company, lambda customer: customer.do("import")),
        {
            "credited": Way("Credit that company", {**HERE, **ELSEWHERE}, commands=(0,)),
            "left out": Way(BY_HAND, HERE, commands=(1,)),
        },
    ),
    "more was invoiced than was used": Held(
        "credit_due",
        in_turn(invoiced, use(3)),
        {"credited": Way("Issue the credit in ConnectWise", HERE, commands=(0,))},
    ),
    "a line cannot be read": Held(
        "invoice_unclear",
        unreadable(f"/agreements/{AGREEMENT}/additions", product=None),
        {
            "corrected": Way("Correct that in ConnectWise", HERE, corrected),
            "left out": Way(BY_HAND, HERE, commands=(0,)),
        },
    ),
    "the agreement cannot be read": Held(
        "invoice_unclear",
        unreadable("/finance/agreements(/[0-9]+)?$", billStartDate="soon"),
        {
            "corrected": Way("Correct that in ConnectWise", HERE, corrected),
            "left out": Way(BY_HAND, SETTLED, commands=(0,)),
        },
        billed_before=False,
    ),
    "an invoiced line was edited": Held(
        "invoice_unclear",
        in_turn(invoiced, line(quantity=3)),
        {
            "billed less": Way("if that is not as it was written, accept it", HERE, line(quantity=4), commands=(0,)),
            "set right": Way("set the line to what it billed; if", HERE, line(quantity=5)),
            "accepted": Way("accept it with", HERE, commands=(0,)),
        },
    ),
    "an invoiced line is gone": Held(
        "invoice_unclear",
        in_turn(invoiced, deleted_line),
        {
            "accepted": Way("if it billed nothing, accept that", HERE, commands=(0,)),
            "left out": Way(BY_HAND, SETTLED, commands=(1,)),
        },
    ),
    "an open line is somebody else's now": Held(
        "invoice_unclear",
        taken_over,
        {
            "accepted": Way("or if it billed nothing, accept that", HERE, commands=(0,)),
            "still ours": Way("If it is still this line", HERE, given_back),
            "left out": Way(BY_HAND, SETTLED, commands=(1,)),
        },
    ),
    "an invoiced line is somebody else's now": Held(
        "invoice_unclear",
        in_turn(seen_invoiced, taken_over),
        {
            "made again": Way("make it again in ConnectWise", HERE, made_again, commands=(0,)),
            "accepted": Way("or if it billed nothing, accept that", HERE, commands=(0,)),
            "still ours": Way("If it is still this line", HERE, given_back),
            "left out": Way(BY_HAND, SETTLED, commands=(1,)),
        },
    ),
    "an invoiced line was made again": Held(
        "invoice_unclear",
        in_turn(invoiced, replaced_line),
        {
            "accepted": Way("make it again in ConnectWise", HERE, commands=(0,)),
            "left out": Way(BY_HAND, HERE, commands=(1,)),
        },
    ),
    "the next invoice date was cleared": Held(
        "invoice_unclear",
        in_turn(seen_invoiced, agreement(nextInvoiceDate=None), use(8)),
        {
            "dated": Way(
                "Set the next invoice date to the first day that is not invoiced yet", {AGREEMENT: 8}, NEXT_IN_MAY
            ),
            "accepted": Way(ACCEPTED, {AGREEMENT: 8}, commands=(0,)),
            "no invoice has it": Way("0 if none has it", {AGREEMENT: 8}, line(quantity=0), commands=(0,)),
        },
    ),
    "the next invoice was moved back": Held(
        "invoice_unclear",
        in_turn(seen_invoiced, NEXT_IN_APRIL, use(8)),
        {
            "dated": Way(
                "Set the next invoice date to the first day that is not invoiced yet", {AGREEMENT: 8}, NEXT_IN_MAY
            ),
            "accepted": Way(ACCEPTED, {AGREEMENT: 8}, commands=(0,)),
            "no invoice has it": Way("0 if none has it", {AGREEMENT: 8}, line(quantity=0), commands=(0,)),
        },
    ),
    "the agreement of an invoiced line is never invoiced next": Held(
        "invoice_unclear",
        in_turn(seen_invoiced, NEVER, mapped_to(COMPANY, RENEWED), use(8)),
        {
            "dated": Way(
                "Set the next invoice date to the first day that is not invoiced yet",
                {AGREEMENT: 5, RENEWED: 3},
                NEXT_IN_MAY,
            ),
            "accepted": Way(ACCEPTED, {AGREEMENT: 5, RENEWED: 3}, commands=(0,)),
            "no invoice has it": Way("0 if none has it", {RENEWED: 8}, line(quantity=0), commands=(0,)),
        },
    ),
    "the agreement was renewed by copying it": Held(
        "invoice_unclear",
        in_turn(seen_invoiced, copied),
        {
            "no invoice has it": Way("0 if none has it", HERE, line(quantity=0), commands=(0,)),
        },
    ),
    "the report lost the organization": Held(
        "unusual",
        use(None),
        {
            "used nothing": Way("If the organization used nothing", SETTLED, commands=(0,)),
            "used as billed": Way(BY_HAND, HERE, commands=(1,)),
            "there again": Way("See the month in the NordPass panel", HERE, use(5), only_here=True),
        },
    ),
}
