"""What happens to a customer's month, and what a person does about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cw_pipeline.sandbox import FaultKind
from cw_pipeline_tests.support.by_hand import keep_by_hand
from cw_pipeline_tests.support.fake_msp import BUSINESS_PRODUCT, OTHER_PRODUCT
from cw_pipeline_tests.sync.customer import (
    AGREEMENT,
    COMPANY,
    ONE,
    ORGANIZATION,
    OTHER_AGREEMENT,
    OTHER_COMPANY,
    SEATS,
    Customer,
)


@dataclass(frozen=True)
class Way:
    """One alternative of a sentence, as a person follows it."""

    advice: str
    """The words that name it."""
    billed: Mapping[int, int]
    """The seats on the customer's lines afterwards, by agreement."""
    act: Callable[[Customer], None] | None = None
    """What is done by hand, before the commands."""
    commands: tuple[int, ...] = ()
    """Which of the sentence's commands are run, as they stand."""
    then: Callable[[Customer], None] | None = None
    """What is done after the commands."""
    only_here: bool = False
    """Whether only a customer who is still there can go it."""


@dataclass(frozen=True)
class Held:
    """A kind of hold, or of what is told of a line that is right."""

    outcome: str
    spoil: Callable[[Customer], None]
    ways: Mapping[str, Way]
    billed_before: bool = True
    """Whether the month was synced before it was spoiled."""


# --- what happens ---


def in_turn(*acts: Callable[[Customer], object]) -> Callable[[Customer], None]:
    def all_of_them(customer: Customer) -> None:
        for act in acts:
            act(customer)

    return all_of_them


def agreement(**fields: object) -> Callable[[Customer], None]:
    return lambda customer: customer.edit_agreement(**fields)


def line(**fields: object) -> Callable[[Customer], None]:
    return lambda customer: customer.edit_line(**fields)


def use(seats: int | None) -> Callable[[Customer], None]:
    return lambda customer: customer.msp.use(seats, ONE)


def company(**fields: object) -> Callable[[Customer], None]:
    def edit(customer: Customer) -> None:
        customer.msp.sandbox.connectwise.edit_company(COMPANY, **fields)

    return edit


def mapped_to(company_id: int, agreement_id: int) -> Callable[[Customer], None]:
    """As a person maps who finds the ids in ConnectWise or in `companies list`."""
    return lambda customer: customer.map(company_id, agreement_id)


def cycle(billing_options: str) -> Callable[[Customer], None]:
    def change(customer: Customer) -> None:
        records = customer.msp.sandbox.connectwise.records("billing_cycles")
        (number,) = (cycle["id"] for cycle in records if cycle["billingOptions"] == billing_options)
        customer.edit_agreement(billingCycle=number)

    return change


def unmapped(customer: Customer) -> None:
    customer.do(f"companies unmap {COMPANY} --organization {ORGANIZATION}")


def deleted_line(customer: Customer) -> None:
    customer.msp.sandbox.connectwise.delete_addition(customer.line["agreementId"], customer.line["id"])


def replaced_line(customer: Customer) -> None:
    """The line is gone, and a person makes it again as the sentence says."""
    again = customer.msp.sandbox.connectwise.duplicate_addition(AGREEMENT, customer.line["id"])
    first = customer.msp.lines(ONE)[0]["id"]
    customer.msp.sandbox.connectwise.delete_addition(AGREEMENT, first)
    customer.msp.sandbox.connectwise.edit_addition(AGREEMENT, again, billCustomer="DoNotBill")


def taken_over(customer: Customer) -> None:
    """The line's id is somebody else's line now."""
    customer.edit_line(serialNumber="FW-40", invoiceDescription="Firewalls", product={"id": OTHER_PRODUCT}, quantity=40)


_OURS = {"serialNumber": f"NP:2026-03:B:{ORGANIZATION}", "product": {"id": BUSINESS_PRODUCT}, "quantity": SEATS}


def given_back(customer: Customer) -> None:
    """A person finds that it is the line all the same, and what was done to it."""
    connectwise = customer.msp.sandbox.connectwise
    connectwise.edit_addition(AGREEMENT, connectwise.additions(AGREEMENT)[-1]["id"], **_OURS)


def made_again(customer: Customer) -> None:
    """A person makes the line again that had the id."""
    connectwise = customer.msp.sandbox.connectwise
    again = connectwise.duplicate_addition(AGREEMENT, connectwise.additions(AGREEMENT)[-1]["id"])
    connectwise.edit_addition(AGREEMENT, again, **_OURS, billCustomer="DoNotBill")


def copied(customer: Customer) -> None:
    """The agreement was renewed by copying it, and the company mapped to the copy."""
    copy_id = customer.msp.sandbox.connectwise.copy_agreement(AGREEMENT)
    customer.edit_agreement(cancelledFlag=True)
    customer.do("import")
    customer.map(COMPANY, copy_id)


def invoiced(customer: Customer) -> None:
    customer.invoice()


def unreadable(path: str, **members: object) -> Callable[[Customer], None]:
    """ConnectWise answers the records at this path otherwise than it promises."""

    def spoil(customer: Customer) -> None:
        customer.msp.sandbox.faults.add(FaultKind.SPOILED, method="GET", path=path, times=None, members=members)

    return spoil


def corrected(customer: Customer) -> None:
    customer.msp.sandbox.faults.clear()


def seen_invoiced(customer: Customer) -> None:
    """Invoiced, and a sync has seen that."""
    customer.invoice()
    customer.sync(anew=True)


def kept_by_hand(customer: Customer) -> None:
    """People have billed the same product by hand since long ago."""
    keep_by_hand(customer.msp.sandbox.connectwise, AGREEMENT)


def ended_in_connectwise(customer: Customer) -> None:
    """A person ends the line that is kept by hand, without us."""
    connectwise = customer.msp.sandbox.connectwise
    line = connectwise.additions(AGREEMENT)[-1]
    connectwise.edit_addition(AGREEMENT, line["id"], cancelledDate="2026-03-31T00:00:00Z")


def given_away(customer: Customer) -> None:
    customer.edit_agreement(company=OTHER_COMPANY)


def to_another_company(customer: Customer) -> None:
    unmapped(customer)
    customer.map(OTHER_COMPANY, OTHER_AGREEMENT)
