"""The job `map_companies`."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeAlias

import dagster as dg
from pydantic import Field

from cw_pipeline.orchestration.assets.setup import mapped_organizations, materialized_mapping
from cw_pipeline.orchestration.failures import Failed, configured_month
from cw_pipeline.orchestration.launchpad import JobConfig, one_op_job
from cw_pipeline.orchestration.partitions import first_month
from cw_pipeline.orchestration.resources import Access
from cw_pipeline.orchestration.setup_metadata import suggestion_details
from cw_pipeline.setup import mapping, mapping_file
from cw_pipeline.setup.errors import SetupError
from cw_pipeline.setup.suggest import suggest_mappings
from cw_pipeline.vocabulary import Month
from cw_pipeline.warehouse.database import Warehouse
from cw_pipeline.wording.launchpad import in_the_ui
from cw_pipeline.wording.mappings import applied_sentence, mapped_sentence, unmapped_sentence, written_sentence

_Done: TypeAlias = tuple[str, Sequence[str]]
"""A sentence about what was done, and warnings."""
_CHOICES = ("accept_certain", "map", "csv", "unmap", "write_file", "apply_file")
ACCEPT_WARNINGS = (
    "Go ahead despite warnings: the agreement is billed for several months at a time, is a child agreement, or has "
    "other terms than were accepted; the company already has another organization; or the file leaves out an "
    "organization that is mapped now. If not set, the run fails and lists the warnings."
)
BILL_FROM = (
    "First month that is billed, as 2026-03; usage before it is not billed then. Leave it empty for the last closed "
    "month; then earlier usage is a warning until a month is given."
)


class MapCompany(JobConfig):
    """A company and its agreement, to be mapped to an organization."""

    company: str
    """Id or exact name of the ConnectWise company."""
    agreement: str
    """Id or exact name of one of the company's agreements."""
    organization: str
    """Id or exact name of the NordPass organization."""
    bill_from: str = Field(default="", description=BILL_FROM)
    trial_months: int | None = None
    """For how many months from bill_from on lines are written as Do Not Bill, to be compared with what is billed by
    hand. Left out: none or, if the first month stays, as many as the mapping has."""


class UnmapCompany(JobConfig):
    """A company whose mapping to an organization is removed; its lines in ConnectWise stay as they are."""

    company: str
    """Id or exact name of the mapped company."""
    organization: str = ""
    """Id or exact name of its organization; needed if the company has several."""


class MappingConfig(JobConfig):
    """What to do with the mappings: one of these at a time."""

    accept_certain: bool = False
    """Map every company whose organization and agreement are certain, billed from the last closed month on. Those are
    the ones with yes under certain when nothing is set."""
    map: list[MapCompany] = Field(default=[])
    """Companies to map. One that is mapped to the organization already is mapped anew."""
    csv: str = ""
    """Rows of the mapping file with its header, also as copied out of a spreadsheet: write | and paste them below it,
    then select and indent them with the Tab key. They are applied like a file."""
    unmap: list[UnmapCompany] = Field(default=[])
    """Companies to unmap."""
    write_file: str = ""
    """A file on the machine of the run, such as /tmp/mappings.csv, which is overwritten: every company with what it is
    mapped to; what is certain is filled in, and what there is to choose from is listed."""
    apply_file: str = ""
    """A mapping file on the machine of the run: do what it says, all or nothing. Companies that are not in it are left
    alone."""
    accept_warnings: bool = Field(default=False, description=ACCEPT_WARNINGS)


@dg.op
def choose_organizations(context: dg.OpExecutionContext, config: MappingConfig, access: Access) -> None:
    """Map companies and their agreements to organizations: those that are certain, a list, or all at once from CSV.

    With nothing set, the run changes nothing, and shows what is suggested and the rows to complete.
    """
    chosen = [name for name in _CHOICES if getattr(config, name)]
    if len(chosen) > 1:
        raise Failed(f"Nothing was changed. Give one of {' and '.join(chosen)}.")
    with access.warehouse(context) as warehouse:
        if not chosen:
            context.log_event(dg.AssetObservation(mapped_organizations.key, metadata=suggestion_details(warehouse)))
            return
        refusals: list[str] = []
        acts = _acts(chosen[0], config, warehouse)
        for company, act in acts:
            try:
                sentence, warnings = act()
            except SetupError as refusal:
                refusals.append(f"{company}: {refusal}" if company else str(refusal))
                continue
            context.log.info(sentence)
            for warning in warnings:
                context.log.warning(in_the_ui(warning))
        if len(refusals) < len(acts):
            context.log_event(materialized_mapping(warehouse))
    if refusals:
        raise Failed("\n".join(refusals))


def _acts(chosen: str, config: MappingConfig, warehouse: Warehouse) -> list[tuple[str, Callable[[], _Done]]]:
    """What is to be done, with the company that it is about; a company that is refused does not stop the others."""
    match chosen:
        case "unmap":
            return [(entry.company, partial(_unmap, warehouse, entry)) for entry in config.unmap]
        case "write_file":
            return [("", partial(_write, warehouse, Path(config.write_file)))]
        case "csv" | "apply_file":
            source = config.csv or Path(config.apply_file)
            return [("", partial(_apply, warehouse, source, accept_warnings=config.accept_warnings))]
        case _:
            entries = config.map or _certain(warehouse)
            months = [configured_month("bill_from", entry.bill_from) for entry in entries]
            return [
                (entry.company, partial(_map, warehouse, entry, month, accept_warnings=config.accept_warnings))
                for entry, month in zip(entries, months, strict=True)
            ]


def _certain(warehouse: Warehouse) -> list[MapCompany]:
    return [
        MapCompany(
            company=str(suggestion.company.id),
            agreement=str(suggestion.agreement.id),
            organization=str(suggestion.organization.id),
        )
        for suggestion in suggest_mappings(warehouse)
        if suggestion.certain and suggestion.agreement
    ]


def _map(warehouse: Warehouse, entry: MapCompany, bill_from: Month | None, *, accept_warnings: bool) -> _Done:
    mapped = mapping.map_company(
        warehouse,
        entry.company,
        entry.agreement,
        entry.organization,
        bill_from=bill_from,
        trial_months=entry.trial_months,
        accept_warnings=accept_warnings,
        first_month=first_month(),
        now=datetime.now(UTC),
    )
    return mapped_sentence(mapped), mapped.warnings


def _unmap(warehouse: Warehouse, entry: UnmapCompany) -> _Done:
    unmapped = mapping.unmap_company(warehouse, entry.company, entry.organization or None)
    return unmapped_sentence(unmapped), [unmapped.left_behind] if unmapped.left_behind else []


def _write(warehouse: Warehouse, file: Path) -> _Done:
    suggestions = suggest_mappings(warehouse)
    return written_sentence(mapping_file.export_mappings(warehouse, file, suggestions=suggestions)), ()


def _apply(warehouse: Warehouse, source: str | Path, *, accept_warnings: bool) -> _Done:
    now = datetime.now(UTC)
    applied = mapping_file.apply_mappings(
        warehouse, source, now, accept_warnings=accept_warnings, first_month=first_month()
    )
    return applied_sentence(applied), applied.warnings


map_companies = one_op_job("map_companies", choose_organizations, MappingConfig)
