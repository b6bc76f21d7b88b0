"""Jobs of the life cycle that are run, and what can be seen of them afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg
from sqlalchemy import select

from cw_pipeline.definitions import defs
from cw_pipeline.orchestration.resources import Access
from cw_pipeline.setup import suggest
from cw_pipeline.warehouse.tables import CompanyMappingRow, IntegrationRow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cw_pipeline.setup.suggest import Suggestion
    from cw_pipeline.warehouse.tables import Base

MAPPED_ORGANIZATIONS = dg.AssetKey("mapped_organizations")
TWO_PRODUCTS = {"business": "NORDPASS-BUS", "enterprise": "4", "confirm": True}
CLIENTS = {"types": ["Client"], "statuses": ["Active"]}
ORGANIZATION = {
    "name": "Newcomer",
    "plan": "Business",
    "license_type": "Standard",
    "contact_email": "it@newcomer.example",
}


def run(
    instance: dg.DagsterInstance, job: str, op: str | None = None, config: Mapping[str, object] | None = None
) -> dg.ExecuteInProcessResult:
    """Run a job, with the config of its op or asset."""
    return defs.resolve_job_def(job).execute_in_process(
        instance=instance,
        raise_on_error=False,
        run_config={"ops": {op: {"config": dict(config or {})}}} if op else None,
    )


def refusal(result: dg.ExecuteInProcessResult, step: str) -> str:
    """The sentence with which the step refused, and only refused: nothing else went wrong."""
    assert not result.success
    data = result.failure_data_for_node(step)
    assert data is not None
    assert data.error is not None
    assert data.error.cls_name == "Failure"
    assert data.user_failure_data is not None
    description = data.user_failure_data.description or ""
    assert description.endswith(".")
    return description


def rows(table: type[Base]) -> list[Any]:
    """All rows of a table of the warehouse."""
    with Access().warehouse() as warehouse, warehouse.transaction() as session:
        return list(session.scalars(select(table)))


def mapped() -> dict[int, tuple[int, str, str]]:
    """Each mapped company's agreement, organization and first month."""
    return {
        row.company_id: (row.agreement_id, row.organization_id, str(row.bill_from)) for row in rows(CompanyMappingRow)
    }


def state() -> str:
    (integration,) = rows(IntegrationRow)
    return integration.state


def told_of_mapping(instance: dg.DagsterInstance) -> list[Any]:
    """How many companies each materialization of `mapped_organizations` says are mapped, oldest first."""
    records = instance.fetch_materializations(MAPPED_ORGANIZATIONS, limit=20, ascending=True).records
    materializations = [record.asset_materialization for record in records]
    return [one.metadata["mapped"].value for one in materializations if one is not None]


def certain_suggestions() -> list[Suggestion]:
    with Access().warehouse() as warehouse:
        return [one for one in suggest.suggest_mappings(warehouse) if one.certain]


def map_companies(instance: dg.DagsterInstance, what: str, config: Mapping[str, object]) -> dg.ExecuteInProcessResult:
    return run(instance, "map_companies", "choose_organizations", {what: dict(config)})


def output_table(result: dg.ExecuteInProcessResult, step: str, name: str) -> list[Any]:
    """A table among what a step's output shows."""
    (output,) = [event for event in result.events_for_node(step) if event.is_successful_output]
    return records(output.step_output_data.metadata[name])


def records(table: object) -> list[Any]:
    assert isinstance(table, dg.TableMetadataValue)
    return [record.data for record in table.records]
