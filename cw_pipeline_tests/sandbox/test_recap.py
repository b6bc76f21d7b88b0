from cw_pipeline.sandbox import Sandbox
from cw_pipeline_tests.sandbox.conftest import Api, document

RECAP = "/finance/agreementrecap/"


def recap(api: Api, agreement: int) -> dict[str, object]:
    row = document(api.get(f"{RECAP}{agreement}"))
    assert row in api.rows(RECAP, pageSize=1000)
    return row


def test_every_agreement_has_a_billing_cycle_that_says_how_it_is_billed(reader: Api) -> None:
    cycles = {row["id"]: row for row in reader.rows("/finance/billingCycles")}
    options = {row["billingOptions"] for row in cycles.values()}
    assert options == {
        "Weekly", "BiWeekly", "Monthly", "BiMonthly", "Quarterly", "SemiAnnual", "Yearly", "NotRecurring",
    }  # fmt: skip
    for agreement in reader.rows("/finance/agreements", pageSize=1000):
        cycle = agreement["billingCycle"]
        assert cycle["name"] == cycles[cycle["id"]]["name"]
        assert agreement["periodType"] == "Current"


def test_a_person_changes_the_cycle_and_the_period_type(sandbox: Sandbox, api: Api) -> None:
    sandbox.connectwise.edit_agreement(1001, billingCycle=1, periodType="Future")
    agreement = document(api.get("/finance/agreements/1001"))
    assert (agreement["billingCycle"], agreement["periodType"]) == ({"id": 1, "name": "Weekly"}, "Future")
    assert document(api.get("/finance/billingCycles/1"))["billingOptions"] == "Weekly"


def test_the_recap_before_the_first_invoice_says_what_is_next(api: Api) -> None:
    assert recap(api, 1003) == {"id": 1003, "agreementStatus": "Active", "nextInvoiceDate": "2026-03-01"}


def test_the_recap_tells_the_last_invoice(sandbox: Sandbox, api: Api) -> None:
    sandbox.connectwise.edit_agreement(1001, nextInvoiceDate="2026-02-01")
    sandbox.connectwise.invoice(1001)
    (other,), (last,) = sandbox.connectwise.invoice(1004), sandbox.connectwise.invoice(1001)
    assert last["number"] > other["number"]
    told = recap(api, 1001)
    assert (told["lastInvoiceNumber"], told["nextInvoiceDate"]) == (str(last["number"]), "2026-04-01")
