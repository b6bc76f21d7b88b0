from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cw_pipeline.integration.organizations import add_organization, refresh_organizations
from cw_pipeline.nordpass.errors import MalformedReport
from cw_pipeline.nordpass.models import LicenseType, NewOrganization, Plan
from cw_pipeline.sandbox.faults import FaultKind
from cw_pipeline.warehouse.tables import Organization

if TYPE_CHECKING:
    from cw_pipeline.nordpass.source import NordPass
    from cw_pipeline.sandbox import Sandbox
    from cw_pipeline.warehouse.database import Warehouse

NEW = NewOrganization(
    name="Newco", plan=Plan.Business, license_type=LicenseType.Standard, contact_email="it@newco.example"
)


def organizations(warehouse: Warehouse) -> dict[str, Organization]:
    with warehouse.transaction() as session:
        return {row.id: row for row in session.query(Organization)}


def test_organizations_are_kept_and_a_second_look_reports_only_what_changed(
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


def test_an_organization_is_added_once_however_often_the_same_act_is_repeated(
    warehouse: Warehouse, nordpass: NordPass, sandbox: Sandbox
) -> None:
    before = len(sandbox.nordpass.organizations())
    sandbox.faults.add(FaultKind.RESET_AFTER, method="POST", path="organizations")
    added = add_organization(nordpass, warehouse, NEW, "act-1")
    assert add_organization(nordpass, warehouse, NEW, "act-1") == added
    assert len(sandbox.nordpass.organizations()) == before + 1
    assert organizations(warehouse)[added.id].name == "Newco"
