from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NoReturn

import pytest

from cw_pipeline.nordpass.errors import MalformedReport, Refused
from cw_pipeline.nordpass.models import NewOrganization
from cw_pipeline.nordpass.models import Organization as Listed
from cw_pipeline.sandbox.faults import FaultKind
from cw_pipeline.setup import organizations as organizations_module
from cw_pipeline.setup.errors import MappingRefused, NotPossible, UnknownChoice, WarningsNotAccepted
from cw_pipeline.setup.organizations import MapTo, refresh_organizations
from cw_pipeline.vocabulary import LicenseType, Month, Plan
from cw_pipeline.warehouse.tables import CompanyMappingRow, OrganizationRow
from cw_pipeline_tests.setup.actions import add_organization, map_company
from cw_pipeline_tests.setup.conftest import logged, mappings
from cw_pipeline_tests.support.rows import agreement, put

if TYPE_CHECKING:
    from cw_pipeline.nordpass.source import NordPass
    from cw_pipeline.sandbox import Sandbox
    from cw_pipeline.warehouse.database import Warehouse

NEW = NewOrganization(
    name="Newco", plan=Plan.BUSINESS, license_type=LicenseType.STANDARD, contact_email="it@newco.example"
)


REFUSED = json.dumps({"error": {"code": "invalid", "message": "contact_email is not an address."}})


def organizations(warehouse: Warehouse) -> dict[str, OrganizationRow]:
    with warehouse.transaction() as session:
        return {row.id: row for row in session.query(OrganizationRow)}


def test_a_second_look_at_organizations_reports_only_changes(
    warehouse: Warehouse, nordpass: NordPass, sandbox: Sandbox
) -> None:
    first = refresh_organizations(nordpass, warehouse)
    assert len(first.new) == first.total == len(organizations(warehouse)) >= 60
    changed = str(first.new[0].id)
    sandbox.nordpass.edit_organization(changed, plan="Enterprise", msp_managed=False)

    second = refresh_organizations(nordpass, warehouse)
    assert ([row.id for row in second.changed], second.new, second.kept) == ([changed], (), first.total - 1)
    assert organizations(warehouse)[changed].plan == "Enterprise"
    assert not organizations(warehouse)[changed].msp_managed


def test_a_reply_that_is_cut_short_changes_nothing(warehouse: Warehouse, nordpass: NordPass, sandbox: Sandbox) -> None:
    sandbox.faults.add(FaultKind.NOT_JSON, path="organizations", nth=2, reply="[]", times=None)
    with pytest.raises(MalformedReport):
        refresh_organizations(nordpass, warehouse)
    assert organizations(warehouse) == {}


def test_an_organization_is_added_once_though_the_answer_was_lost(
    warehouse: Warehouse, nordpass: NordPass, sandbox: Sandbox
) -> None:
    before = len(sandbox.nordpass.organizations())
    sandbox.faults.add(FaultKind.RESET_AFTER, method="POST", path="organizations")
    added = add_organization(nordpass, warehouse, NEW).organization
    assert len(sandbox.nordpass.organizations()) == before + 1
    assert organizations(warehouse)[added.id].name == "Newco"


class _Killed(BaseException): ...


def test_a_repetition_adopts_what_a_killed_first_try_added(
    warehouse: Warehouse, nordpass: NordPass, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = nordpass.add_organization

    def added_and_killed(new: NewOrganization, *, idempotency_key: str) -> NoReturn:
        add(new, idempotency_key=idempotency_key)
        raise _Killed

    monkeypatch.setattr(nordpass, "add_organization", added_and_killed)
    with pytest.raises(_Killed):
        add_organization(nordpass, warehouse, NEW)
    monkeypatch.undo()
    again = add_organization(nordpass, warehouse, NEW).organization
    assert [one["id"] for one in sandbox.nordpass.organizations() if one["name"] == "Newco"] == [again.id]
    assert len([entry for entry in sandbox.journal.writes() if entry.path.endswith("/organizations")]) == 1
    assert [act for act, *_ in logged(warehouse)] == ["add organization"]


def test_adding_a_name_that_nordpass_has_is_refused(warehouse: Warehouse, nordpass: NordPass, sandbox: Sandbox) -> None:
    there = add_organization(nordpass, warehouse, NEW).organization
    with pytest.raises(NotPossible, match=rf"NordPass has Newco \({there.id}, Business, Standard\) already"):
        add_organization(nordpass, warehouse, NEW.model_copy(update={"name": "NEWCO"}))
    assert len([one for one in sandbox.nordpass.organizations() if one["name"].casefold() == "newco"]) == 1


def test_two_who_add_an_organization_at_once_add_it_once(
    warehouse: Warehouse, nordpass: NordPass, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = nordpass.organizations

    def looked_before_another_added_it() -> tuple[Listed, ...]:
        monkeypatch.undo()
        seen = tuple(look())
        add_organization(nordpass, warehouse, NEW)
        return seen

    monkeypatch.setattr(nordpass, "organizations", looked_before_another_added_it)
    add_organization(nordpass, warehouse, NEW)
    assert len([one for one in sandbox.nordpass.organizations() if one["name"] == "Newco"]) == 1


def test_a_new_organization_beside_others_needs_confirmation(
    msp: Warehouse, nordpass: NordPass, sandbox: Sandbox
) -> None:
    map_company(msp, 1, 11, "org-acme")
    with pytest.raises(WarningsNotAccepted, match=r"Acme \(1\) is billed for Acme \(org-acme\) already"):
        add_organization(nordpass, msp, NEW, MapTo(1, 11))
    assert "Newco" not in {one["name"] for one in sandbox.nordpass.organizations()}
    added = add_organization(nordpass, msp, NEW, MapTo(1, 11, accept_warnings=True))
    with msp.transaction() as session:
        billed = {one.organization_id: one.company_id for one in session.query(CompanyMappingRow)}
    assert billed == {"org-acme": 1, added.organization.id: 1}


def test_after_a_refusal_by_nordpass_a_corrected_request_goes_through(
    warehouse: Warehouse, nordpass: NordPass, sandbox: Sandbox
) -> None:
    sandbox.faults.add(FaultKind.STATUS, method="POST", path="organizations", status=422, reply=REFUSED)
    with pytest.raises(Refused):
        add_organization(nordpass, warehouse, NEW)
    corrected = NEW.model_copy(update={"contact_email": "desk@newco.example"})
    assert add_organization(nordpass, warehouse, corrected).organization.name == "Newco"


def test_an_organization_is_added_and_mapped_in_one_act(msp: Warehouse, nordpass: NordPass) -> None:
    done = add_organization(nordpass, msp, NEW, MapTo("Acme", "Security", Month(2026, 2)))
    assert done.mapped is not None
    assert mappings(msp) == {1: (12, done.organization.id, "2026-02")}
    assert [act for act, *_ in logged(msp)] == ["add organization", "map company"]


@pytest.mark.parametrize(
    ("map_to", "error"),
    [(MapTo("Nobody", 11), UnknownChoice), (MapTo(1, 21), MappingRefused), (MapTo(1, 13), WarningsNotAccepted)],
    ids=["no such company", "another company's agreement", "a child agreement"],
)
def test_what_cannot_be_mapped_is_not_added_either(
    msp: Warehouse, nordpass: NordPass, sandbox: Sandbox, map_to: MapTo, error: type[Exception]
) -> None:
    put(msp, agreement(13, 1, name="Branch", parent_agreement_id=11))
    with pytest.raises(error):
        add_organization(nordpass, msp, NEW, map_to)
    assert "Newco" not in {one["name"] for one in sandbox.nordpass.organizations()}


def test_a_repetition_maps_an_organization_that_was_only_added(
    msp: Warehouse, nordpass: NordPass, monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox
) -> None:
    def killed(*_: object, **__: object) -> NoReturn:
        raise _Killed

    monkeypatch.setattr(organizations_module, "map_company", killed)
    with pytest.raises(_Killed):
        add_organization(nordpass, msp, NEW, MapTo(1, 11))
    assert mappings(msp) == {}
    monkeypatch.undo()
    done = add_organization(nordpass, msp, NEW, MapTo(1, 11))
    assert mappings(msp) == {1: (11, done.organization.id, str(Month.last_closed(datetime.now(UTC))))}
    assert [one["id"] for one in sandbox.nordpass.organizations() if one["name"] == "Newco"] == [done.organization.id]


@pytest.mark.parametrize("name", ['O\'Neill "Best", Ltd', "Green Lantern 🏮", "شركة الزيتون", "x" * 156, "=1+1"])
def test_any_name_can_be_added(warehouse: Warehouse, nordpass: NordPass, name: str) -> None:
    assert not [one for one in nordpass.organizations() if one.name == name]
    added = add_organization(nordpass, warehouse, NEW.model_copy(update={"name": name})).organization
    assert organizations(warehouse)[added.id].name == name
