"""The commands that the reason of a held line names are run as they are pasted, and make its month right."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from cw_pipeline.sandbox import Sandbox
from cw_pipeline.sandbox.nordpass.seed import organization_id
from cw_pipeline.setup.mapping import Mapped
from cw_pipeline_tests.cli.conftest import run
from cw_pipeline_tests.support.active import LAST_CLOSED, activate, use

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


MONTH = str(LAST_CLOSED)
SEATS = 5
OTHER_COMPANY, OTHER_AGREEMENT = 125, 1025
"""A company without an organization, and its agreement."""


@dataclass(frozen=True)
class Customer:
    """A mapped company whose organization used seats last month."""

    sandbox: Sandbox
    mapped: Mapped

    def billed(self) -> dict[int, int]:
        """The seats on our lines for its organization, by agreement."""
        seats: dict[int, int] = {}
        for line in self.sandbox.connectwise.records("additions"):
            if line.get("serialNumber", "").endswith(self.mapped.organization_id):
                seats[line["agreementId"]] = seats.get(line["agreementId"], 0) + int(line["quantity"])
        return seats


@pytest.fixture
def customer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Customer]:
    with Sandbox() as sandbox:
        use(monkeypatch, {**sandbox.environment(), "CW_PIPELINE_HOME": str(tmp_path)})
        monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
        (mapped,) = activate(LAST_CLOSED.plus(-1), companies=1).mapped
        sandbox.nordpass.set_usage(mapped.organization_id, MONTH, SEATS)
        yield Customer(sandbox, mapped)


def sync() -> int:
    return run("sync", "--month", MONTH).code


def advised(outcome: str) -> list[str]:
    """The commands of the one held line's reason."""
    assert sync() == 1
    (line,) = run("status", "--json").document["held_lines"]
    assert line["outcome"] == outcome
    return re.findall(r"`cw-pipeline ([^`]+)`", line["reason"])


def paste(*commands: str) -> None:
    for command in commands:
        answer = run(*shlex.split(command))
        assert answer.code == 0, f"{command}: {answer.err}"


@pytest.mark.parametrize("merged", [False, True], ids=["given away", "merged"])
def test_an_agreement_that_went_to_another_company_is_billed_there(customer: Customer, *, merged: bool) -> None:
    connectwise, mapped = customer.sandbox.connectwise, customer.mapped
    if merged:
        connectwise.remove_company(mapped.company_id, merged_into=OTHER_COMPANY)
    else:
        connectwise.edit_agreement(mapped.agreement_id, company=OTHER_COMPANY)
    commands = advised("moved")
    assert [command.split()[0] for command in commands] == ["import", "companies", "companies", "companies"]
    paste(*commands[:3])
    assert sync() == 0
    assert customer.billed() == {mapped.agreement_id: SEATS}
    (company,) = [
        company for company in run("companies", "list", "--json").document["companies"] if company["state"] == "mapped"
    ]
    assert (company["id"], company["bill_from"]) == (OTHER_COMPANY, str(LAST_CLOSED.plus(-1)))


def test_what_a_merger_advises_asks_before_the_company_gets_another_organization(customer: Customer) -> None:
    mapped = customer.mapped
    paste(f"companies map {OTHER_COMPANY} --agreement {OTHER_AGREEMENT} --organization {organization_id(1)}")
    customer.sandbox.connectwise.remove_company(mapped.company_id, merged_into=OTHER_COMPANY)
    import_them, unmap, map_there, _ = advised("moved")
    paste(import_them, unmap)
    refused = run(*shlex.split(map_there))
    assert (refused.code, "--yes" in refused.err, organization_id(1) in refused.err) == (2, True, True)
    paste(f"{map_there} --yes")
    sync()
    assert customer.billed() == {mapped.agreement_id: SEATS}
    assert run("status", "--json").document["held"] == {}
    assert run("status", "--json").document["mapped_organizations"] == 2


@pytest.mark.parametrize(
    ("chosen", "elsewhere"),
    [(slice(0, 1), {OTHER_AGREEMENT: SEATS}), (slice(1, 3), {}), (slice(3, 4), {})],
    ids=["credited", "mapped back", "left out"],
)
def test_each_of_three_ways_out_settles_a_moved_month(
    customer: Customer, chosen: slice, elsewhere: dict[int, int]
) -> None:
    mapped = customer.mapped
    assert sync() == 0
    customer.sandbox.connectwise.invoice(mapped.agreement_id)
    paste(
        f"companies unmap {mapped.company_id}",
        f"companies map {OTHER_COMPANY} --agreement {OTHER_AGREEMENT} --organization {mapped.organization_id}",
    )
    commands = advised("moved")
    assert len(commands) == 4
    # On a terminal a person is asked whether earlier months stay as they are.
    paste(*(f"{command} --yes" if command.startswith("companies map") else command for command in commands[chosen]))
    assert sync() == 0
    assert customer.billed() == {mapped.agreement_id: SEATS, **elsewhere}


def test_the_last_month_of_a_former_customer_can_be_settled(customer: Customer) -> None:
    connectwise, mapped = customer.sandbox.connectwise, customer.mapped
    assert sync() == 0
    connectwise.edit_agreement(mapped.agreement_id, cancelledFlag=True)
    customer.sandbox.nordpass.remove_organization(mapped.organization_id)
    paste("import")
    used_nothing, _ = advised("unusual")
    paste(used_nothing)
    assert advised("agreement_inactive") == []
    (line,) = connectwise.additions(mapped.agreement_id)[-1:]
    connectwise.edit_addition(mapped.agreement_id, line["id"], quantity=0)
    assert sync() == 0
    assert run("status", "--json").document["held"] == {}
