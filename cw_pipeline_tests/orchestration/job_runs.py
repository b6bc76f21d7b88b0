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
    assert (data.error.cls_name, data.error.stack, data.error.cause) == ("Failure", [], None)  # no stack trace
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


def map_companies(
    instance: dg.DagsterInstance, what: str, value: object, *, accept_warnings: bool = False
) -> dg.ExecuteInProcessResult:
    """Run the job for one of the things that it does; `map` and `unmap` of one company."""
    value = [value] if what in {"map", "unmap"} else value
    return run(instance, "map_companies", "choose_organizations", {what: value, "accept_warnings": accept_warnings})


def shown_table(instance: dg.DagsterInstance, result: dg.ExecuteInProcessResult, name: str) -> list[Any]:
    """A table among what a run's observations and materializations of assets show."""
    events = (entry.dagster_event for entry in instance.all_logs(result.run_id))
    (found,) = [shown_by(event)[name] for event in events if event is not None and name in shown_by(event)]
    return records(found)


def shown_by(event: dg.DagsterEvent) -> Mapping[str, object]:
    """The metadata of an observation or a materialization of an asset; nothing for other events."""
    if event.is_asset_observation:
        return event.asset_observation_data.asset_observation.metadata
    return event.step_materialization_data.materialization.metadata if event.is_step_materialization else {}


def records(table: object) -> list[Any]:
    assert isinstance(table, dg.TableMetadataValue)
    return [record.data for record in table.records]
