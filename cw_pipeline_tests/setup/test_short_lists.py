"""Lists that lack much of what was there: nothing is changed before a person says that it is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cw_pipeline.setup.connection import connect
from cw_pipeline.setup.errors import TooManyGone
from cw_pipeline.setup.imports import import_agreements, import_companies
from cw_pipeline.setup.organizations import refresh_organizations
from cw_pipeline.warehouse.tables import AgreementRow, CompanyMappingRow, CompanyRow, OrganizationRow
from cw_pipeline_tests.setup.conftest import logged
from cw_pipeline_tests.support.rows import mapping, put

if TYPE_CHECKING:
    from collections.abc import Callable

    from cw_pipeline.connectwise.client import ConnectWiseClient
    from cw_pipeline.nordpass.source import NordPass
    from cw_pipeline.sandbox import Sandbox
    from cw_pipeline.setup.list_update import Changes
    from cw_pipeline.warehouse.database import Warehouse

MAPPED = 4


@pytest.fixture
def mapped(warehouse: Warehouse, client: ConnectWiseClient, nordpass: NordPass) -> Warehouse:
    """Four companies with an agreement and an organization each."""
    connect(client, warehouse)
    import_companies(client, warehouse, ["Client"], ["Active"])
    import_agreements(client, warehouse)
    refresh_organizations(nordpass, warehouse)
    with warehouse.transaction() as session:
        agreements = {row.company_id: row for row in session.query(AgreementRow).order_by(AgreementRow.id.desc())}
        organizations = session.query(OrganizationRow).order_by(OrganizationRow.id).all()
    chosen = sorted(agreements.values(), key=lambda row: row.id)[:MAPPED]
    put(
        warehouse,
        *(
            mapping(agreement.company_id, agreement.id, organization.id, "2026-01")
            for agreement, organization in zip(chosen, organizations, strict=False)
        ),
    )
    return warehouse


@pytest.fixture(params=["companies", "agreements", "organizations"])
def what(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def mapped_ids(warehouse: Warehouse, what: str) -> list[int | str]:
    with warehouse.transaction() as session:
        rows = session.query(CompanyMappingRow).order_by(CompanyMappingRow.company_id).all()
    return [getattr(row, f"{what.removesuffix('s').replace('companie', 'company')}_id") for row in rows]


def remove(sandbox: Sandbox, what: str, ids: list[int | str]) -> None:
    for one in ids:
        if what == "organizations":
            sandbox.nordpass.remove_organization(str(one))
        else:
            sandbox.connectwise.remove(what, int(one))


def gone(warehouse: Warehouse, what: str) -> set[int | str]:
    table = {"companies": CompanyRow, "agreements": AgreementRow, "organizations": OrganizationRow}[what]
    with warehouse.transaction() as session:
        return {row.id for row in session.query(table) if row.gone_at is not None}


@pytest.fixture
def read(what: str, mapped: Warehouse, client: ConnectWiseClient, nordpass: NordPass) -> Callable[[bool], Changes]:
    """Import the list again; the argument says whether its warnings are accepted."""

    def import_again(accepted: bool) -> Changes:  # noqa: FBT001 - its only argument
        if what == "companies":
            return import_companies(client, mapped, accept_warnings=accepted)
        if what == "agreements":
            return import_agreements(client, mapped, accept_warnings=accepted)
        return refresh_organizations(nordpass, mapped, accept_warnings=accepted)

    return import_again


def test_a_list_that_lacks_many_mapped_records_needs_confirmation(
    what: str, mapped: Warehouse, sandbox: Sandbox, read: Callable[[bool], Changes]
) -> None:
    lost = mapped_ids(mapped, what)
    remove(sandbox, what, lost)
    before = logged(mapped)
    with pytest.raises(
        TooManyGone, match=rf"{what} were not imported.*without 4 mapped ones: .*{lost[0]}.*--yes"
    ) as no:
        read(False)  # noqa: FBT003 - its only argument
    assert len(no.value.warnings) == 1
    assert (gone(mapped, what), logged(mapped)) == (set(), before)
    assert {row.id for row in read(True).gone} >= set(lost)  # noqa: FBT003 - its only argument
    assert mapped_ids(mapped, what) == lost


def test_a_few_that_are_gone_are_taken_as_gone(
    what: str, mapped: Warehouse, sandbox: Sandbox, read: Callable[[bool], Changes]
) -> None:
    lost = mapped_ids(mapped, what)[:3]
    remove(sandbox, what, lost)
    assert {row.id for row in read(False).gone} == set(lost)  # noqa: FBT003 - its only argument


def test_an_empty_list_changes_nothing_even_where_nothing_is_mapped(
    what: str, mapped: Warehouse, sandbox: Sandbox, read: Callable[[bool], Changes]
) -> None:
    with mapped.transaction() as session:
        session.query(CompanyMappingRow).delete()
        table = {"companies": CompanyRow, "agreements": AgreementRow, "organizations": OrganizationRow}[what]
        ids: list[int | str] = [row.id for row in session.query(table)]
    remove(sandbox, what, ids)
    with pytest.raises(TooManyGone, match=rf"lists 0 {what}, without the {len(ids)} that were there"):
        read(False)  # noqa: FBT003 - its only argument
    assert gone(mapped, what) == set()
    assert len(read(True).gone) == len(ids)  # noqa: FBT003 - its only argument
