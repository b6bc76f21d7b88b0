"""Every kind of hold: how a month comes to it, and each way out that its sentence names."""

from __future__ import annotations

from cw_pipeline_tests.sync.customer import AGREEMENT, COMPANY, RENEWED
from cw_pipeline_tests.sync.happenings import (
    Held,
    Way,
    agreement,
    copied,
    corrected,
    deleted_line,
    ended_in_connectwise,
    given_back,
    in_turn,
    invoiced,
    kept_by_hand,
    line,
    made_again,
    mapped_to,
    replaced_line,
    seen_invoiced,
    taken_over,
    unreadable,
    use,
)
from cw_pipeline_tests.sync.holds_of_agreements import (
    BY_HAND,
    HERE,
    HOLDS_OF_AGREEMENTS,
    NEVER,
    NEXT_IN_APRIL,
    NEXT_IN_MAY,
    SETTLED,
)

ACCEPTED = "accept that with"

HOLDS: dict[str, Held] = {
    **HOLDS_OF_AGREEMENTS,
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
            "billed less": Way(
                "if that differs from what was written, accept it", HERE, line(quantity=4), commands=(0,)
            ),
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
    "a line that is kept by hand bills the same": Held(
        "billed_by_hand",
        kept_by_hand,
        {
            "ended": Way("End it the day before", HERE, commands=(0,)),
            "left": Way("If it bills something else, leave it", HERE, commands=(1,)),
            "ended in ConnectWise": Way("or end it, or set it to 0, in ConnectWise", HERE, ended_in_connectwise),
            "left out": Way(BY_HAND, SETTLED, commands=(2,)),
        },
        billed_before=False,
    ),
    "a line that is kept by hand came beside a line that is right": Held(
        "billed_by_hand",
        kept_by_hand,
        {
            "ended": Way("End it the day before", HERE, commands=(0,)),
            "left": Way("If it bills something else, leave it", HERE, commands=(1,)),
            "left out": Way(BY_HAND, HERE, commands=(2,)),
        },
    ),
    "the first usage that is billed is unusual": Held(
        "unusual",
        use(120),
        {
            "right": Way("If the usage is right, release it", {AGREEMENT: 120}, commands=(0,)),
            "billed by hand": Way(BY_HAND, HERE, commands=(1,)),
            "corrected": Way("See the month in the NordPass panel", HERE, use(5), only_here=True),
        },
    ),
}
