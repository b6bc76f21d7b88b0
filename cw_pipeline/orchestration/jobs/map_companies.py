"""The job `map_companies`."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias, cast

import dagster as dg
from pydantic import Field

from cw_pipeline.orchestration.assets.setup import materialized_mapping
from cw_pipeline.orchestration.failures import configured_month, failing_the_run
from cw_pipeline.orchestration.metadata import of_suggestions
from cw_pipeline.orchestration.partitions import first_month
from cw_pipeline.orchestration.resources import Access
from cw_pipeline.setup import mapping, mapping_file
from cw_pipeline.setup.suggest import suggest_mappings
from cw_pipeline.vocabulary import Month, counted
from cw_pipeline.warehouse.database import Warehouse
from cw_pipeline.wording.cells import applied_sentence, mapped_sentence, unmapped_sentence

_ACCEPT_WARNINGS = (
    "Go ahead despite warnings: the agreement is billed for several months at a time, is a child agreement, or has "
    "other terms than were accepted; the company already has another organization; or the file leaves out an "
    "organization that is mapped now. If not set, the run fails and lists the warnings."
)


class MapToConfig(dg.Config):
    """The company and agreement that an organization is mapped to."""

    company: str = Field(description="Id or exact name of the ConnectWise company.")
    agreement: str = Field(description="Id or exact name of one of the company's agreements.")
    bill_from: str | None = Field(
        default=None,
        description=(
            "First month it is billed for, as 2026-03; usage before it is not billed then. Leave it out for the last "
            "closed month; then earlier usage is a warning until a month is given."
        ),
    )
    accept_warnings: bool = Field(default=False, description=_ACCEPT_WARNINGS)

    @property
    def first_billed(self) -> Month | None:
        """The month that `bill_from` names."""
        return configured_month("bill_from", self.bill_from) if self.bill_from else None


class MapCompany(MapToConfig):
    """Map one company and its agreement to an organization; one that the company has is mapped anew."""

    organization: str = Field(description="Id or exact name of the NordPass organization.")


class UnmapCompany(dg.Config):
    """Remove a company's mapping to an organization; its lines in ConnectWise stay as they are."""

    company: str = Field(description="Id or exact name of the mapped company.")
    organization: str | None = Field(
        default=None, description="Id or exact name of its organization; needed where the company has several."
    )


class WriteFile(dg.Config):
    """Write every company with what it is mapped to into a file; suggestions that are certain are filled in."""

    file: str = Field(description="A file on this machine; it is overwritten.")


class ApplyFile(dg.Config):
    """Do what a mapping file says, all or nothing; companies that are not in it are left alone."""

    file: str = Field(description="A mapping file on this machine.")
    accept_warnings: bool = Field(default=False, description=_ACCEPT_WARNINGS)


_Asked: TypeAlias = MapCompany | UnmapCompany | WriteFile | ApplyFile


class MappingConfig(dg.Config):
    """What to do with the mappings: one of these; with nothing set, the run only shows what is suggested."""

    map: MapCompany | None = Field(default=None, description="Map one company to an organization.")
    unmap: UnmapCompany | None = Field(default=None, description="Remove a company's mapping to an organization.")
    write_file: WriteFile | None = Field(default=None, description="Write the mapping file, to be completed.")
    apply_file: ApplyFile | None = Field(default=None, description="Apply the completed mapping file.")


@dg.op
def choose_organizations(context: dg.OpExecutionContext, config: MappingConfig, access: Access) -> None:
    """Map or unmap one company, or write or apply a mapping file; with no config, show the suggestions."""
    # Dagster's type of a nested config is not known.
    choices = cast("list[_Asked | None]", [config.map, config.unmap, config.write_file, config.apply_file])
    asked = [choice for choice in choices if choice is not None]
    if len(asked) > 1:
        raise dg.Failure("Nothing was changed. Give one of map, unmap, write_file and apply_file.", allow_retries=False)
    with failing_the_run(), access.warehouse(context.run.run_id) as warehouse:
        if not asked:
            context.add_output_metadata(of_suggestions(suggest_mappings(warehouse)))
            return
        done, warnings = _do(asked[0], warehouse)
        context.log.info(done)
        for warning in warnings:
            context.log.warning(warning)
        context.log_event(materialized_mapping(warehouse))


def _do(asked: _Asked, warehouse: Warehouse) -> tuple[str, Sequence[str]]:
    """Do one of these; a sentence about it, and warnings."""
    now = datetime.now(UTC)
    match asked:
        case MapCompany():
            mapped = mapping.map_company(
                warehouse,
                asked.company,
                asked.agreement,
                asked.organization,
                bill_from=asked.first_billed,
                accept_warnings=asked.accept_warnings,
                first_month=first_month(),
                now=now,
            )
            return mapped_sentence(mapped), mapped.warnings
        case UnmapCompany():
            unmapped = mapping.unmap_company(warehouse, asked.company, asked.organization)
            return unmapped_sentence(unmapped), tuple(filter(None, [unmapped.left_behind]))
        case WriteFile():
            exported = mapping_file.export_mappings(
                warehouse, Path(asked.file), suggestions=suggest_mappings(warehouse)
            )
            return (
                f"{exported.file} has {counted(exported.mapped, 'mapping')}, "
                f"{counted(exported.suggested, 'company', 'companies')} with a certain suggestion and "
                f"{exported.unmapped} to fill in. Complete it and apply it."
            ), ()
        case ApplyFile():
            applied = mapping_file.apply_mappings(
                warehouse,
                Path(asked.file),
                now,
                accept_warnings=asked.accept_warnings,
                first_month=first_month(),
            )
            return applied_sentence(applied), applied.warnings


@dg.job
def map_companies() -> None:
    """Map companies and their agreements to organizations, one by one or all at once from a file.

    Without config, it shows which organization may belong to which company. For example, in the Launchpad:

        ops: {choose_organizations: {config: {write_file: {file: mappings.csv}}}}

    then complete the file and give `apply_file` instead; or `map` and `unmap` for one company.
    """
    choose_organizations()
