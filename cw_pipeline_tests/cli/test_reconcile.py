"""`reconcile`: its exit code, its tables and its document."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from cw_pipeline.sandbox.connectwise.rights import SEED_ROLE, TO_READ_INVOICES
from cw_pipeline_tests.cli.conftest import run
from cw_pipeline_tests.support.active import LAST_CLOSED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cw_pipeline.sandbox import Sandbox
    from cw_pipeline.sandbox.connectwise.invoicing import Invoice
    from cw_pipeline_tests.support.active import Active

MONTH = str(LAST_CLOSED)


@pytest.fixture
def may_read(sandbox: Sandbox) -> Iterator[None]:
    """The API member may read invoices, until the test ends."""
    sandbox.connectwise.set_role(SEED_ROLE | TO_READ_INVOICES)
    yield
    sandbox.connectwise.set_role(SEED_ROLE)


@pytest.fixture
def invoice(sandbox: Sandbox, active: Active) -> Invoice:
    """The last month is synced and invoiced; an invoice that has a line of ours with seats."""
    run("sync", "--month", MONTH)
    invoices = [sandbox.connectwise.invoice(mapped.agreement_id)[0] for mapped in active.mapped]
    run("sync", "--month", MONTH)
    return next(invoice for invoice in invoices if any(_is_ours(line["serial_number"]) for line in invoice["lines"]))


def _is_ours(serial_number: str | None) -> bool:
    return (serial_number or "").startswith(f"NP:{MONTH}:")


@pytest.mark.usefixtures("may_read")
def test_reconcile_exits_1_for_an_invoice_that_bills_more(sandbox: Sandbox, invoice: Invoice) -> None:
    clean = run("reconcile", "--month", MONTH, "--json")
    assert (clean.code, clean.document["source"]) == (0, "invoices")
    assert {line["difference"] for line in clean.document["lines"]} == {0}
    assert run("reconcile").out.rstrip().endswith(" billed as pushed.")

    billed = next(line for line in invoice["lines"] if _is_ours(line["serial_number"]))
    more = Decimal(billed["quantity"]) + 1
    sandbox.connectwise.edit_invoice(invoice["number"], quantities={billed["addition_id"]: more})
    different = run("reconcile", "--from", MONTH, "--to", MONTH, "--json")
    assert different.code == 1
    line = different.document["lines"][0]
    assert (line["month"], line["addition_id"], line["agreement"]["id"]) == (
        MONTH, billed["addition_id"], invoice["agreement_id"]
    )  # fmt: skip
    assert (line["reason"], line["seats"] + 1, line["invoiced_seats"]) == ("quantity_differs", more, more)
    assert line["invoices"] == [{"number": str(invoice["number"]), "date": invoice["made_on"], "seats": more}]
    assert list(line["worth"].values()) == [float(billed["unit_price"])]
    for_people = run("reconcile")
    assert for_people.code == 1
    assert line["company"]["name"] in for_people.out
    assert line["what_to_do"] in for_people.out
    assert "from the invoices, by 1 seat, worth " in for_people.out


@pytest.mark.usefixtures("active")
def test_without_a_right_reconcile_names_it_and_ends_with_2() -> None:
    run("sync", "--month", MONTH)
    refused = run("reconcile", "--json")
    assert refused.code == 2
    assert "give its role Finance > Invoicing: Inquire and" in refused.document["error"]
    assert "`cw-pipeline reconcile` cannot be run. The API member may not read invoices" in run("connect").out


@pytest.mark.usefixtures("active", "may_read")
def test_before_anything_is_invoiced_there_is_nothing_to_compare() -> None:
    nothing = run("reconcile")
    assert (nothing.code, nothing.out.rstrip()) == (0, "No line of these months is invoiced yet.")
    assert run("reconcile", "--from", MONTH).code == 2
    assert "`cw-pipeline reconcile` can read the invoices and the products" in run("connect").out
