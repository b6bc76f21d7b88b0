"""The job `map_companies`."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

import dagster as dg
from pydantic import Field

from cw_pipeline.orchestration.assets.setup import mapped_organizations, materialized_mapping
from cw_pipeline.orchestration.failures import Failed, configured_month, failing_the_run
from cw_pipeline.orchestration.launchpad import launchable
from cw_pipeline.orchestration.partitions import first_month
from cw_pipeline.orchestration.resources import Access
from cw_pipeline.orchestration.setup_metadata import of_suggestions
from cw_pipeline.setup import mapping, mapping_file
from cw_pipeline.setup.errors import IntegrationError
from cw_pipeline.setup.suggest import suggest_mappings
from cw_pipeline.warehouse.database import Warehouse
from cw_pipeline.wording.launchpad import in_the_ui
from cw_pipeline.wording.mappings import applied_sentence, mapped_sentence, unmapped_sentence, written_sentence

_Done: TypeAlias = tuple[str, Sequence[str]]
"""A sentence about what was done, and warnings."""
ACCEPT_WARNINGS = (
    "Go ahead despite warnings: the agreement is billed for several months at a time, is a child agreement, or has "
    "other terms than were accepted; the company already has another organization; or the file leaves out an "
    "organization that is mapped now. If not set, the run fails and lists the warnings."
)
BILL_FROM = (
    "First month that is billed, as 2026-03; usage before it is not billed then. Leave it empty for the last closed "
    "month; then earlier usage is a warning until a month is given."
)


class MapCompany(dg.Config):
    """A company and its agreement, to be mapped to an organization."""

    company: str = Field(description="Id or exact name of the ConnectWise company.")
    agreement: str = Field(description="Id or exact name of one of the company's agreements.")
    organization: str = Field(description="Id or exact name of the NordPass organization.")
    bill_from: str = Field(default="", description=BILL_FROM)
    trial_months: int | None = Field(
        default=None,
        description="For how many months from bill_from on lines are written as Do Not Bill, to be compared with what "
        "is billed by hand. Left out: none or, if the first month stays, as many as the mapping has.",
    )


class UnmapCompany(dg.Config):
    """A company whose mapping to an organization is removed; its lines in ConnectWise stay as they are."""

    company: str = Field(description="Id or exact name of the mapped company.")
    organization: str = Field(
        default="", description="Id or exact name of its organization; needed where the company has several."
    )


class MappingConfig(dg.Config):
    """What to do with the mappings: one of these; with nothing set, the run only shows what is suggested."""

    accept_certain: bool = Field(
        default=False,
        description="Map every company whose organization and agreement are certain, billed from the last closed month "
        "on. Those are the ones with yes under certain when nothing is set.",
    )
    map: list[MapCompany] = Field(
        default=[], description="Companies to map. One that is mapped to the organization already is mapped anew."
    )
    csv: str = Field(
        default="",
        description="Rows of the mapping file with its header, also as copied out of a spreadsheet: write | and paste "
        "them below it, then select and indent them with the Tab key. They are applied like a file.",
    )
    unmap: list[UnmapCompany] = Field(default=[], description="Companies to unmap.")
    write_file: str = Field(
        default="",
        description="A file on this machine, which is overwritten: every company with what it is mapped to; what is "
        "certain is filled in, and what there is to choose from is listed.",
    )
    apply_file: str = Field(
        default="",
        description="A mapping file on this machine: do what it says, all or nothing. Companies that are not in it are "
        "left alone.",
    )
    accept_warnings: bool = Field(default=False, description=ACCEPT_WARNINGS)


_EXAMPLE = """\
# One of these at a time. As it stands, the run changes nothing and shows what is suggested.
ops:
  choose_organizations:
    config:
      accept_certain: false   # true: map every company whose match is certain
      map: []
      # map:                  # ids or exact names
      #   - company: Umbrella Ltd
      #     agreement: "1001"
      #     organization: Umbrella
      #     bill_from: 2026-03      # left out: the last closed month
      #     trial_months: 1         # so many months are billed to nobody; left out: none
      csv: ""
      # csv: |                # rows of the mapping file; select them and press Tab
      #   company_id,company_name,agreement_id,agreement_name,organization_id,organization_name,bill_from
      #   101,Umbrella Ltd,1001,Managed Services,org-7,Umbrella,2026-03
      unmap: []
      # unmap:
      #   - company: Umbrella Ltd
      write_file: ""          # a file on the machine of the run, such as /tmp/mappings.csv
      apply_file: ""          # that file, completed
      accept_warnings: false  # true: go ahead despite the warnings of a refused run
"""


@dg.op
def choose_organizations(context: dg.OpExecutionContext, config: MappingConfig, access: Access) -> None:
    """Map or unmap companies, or write or apply a mapping file; with nothing set, show the suggestions."""
    names = ("accept_certain", "map", "csv", "unmap", "write_file", "apply_file")
    asked = [name for name in names if getattr(config, name)]
    if len(asked) > 1:
        raise Failed(f"Nothing was changed. Give one of {' and '.join(asked)}.")
    with failing_the_run(), access.warehouse(context.run.run_id) as warehouse:
        if not asked:
            context.log_event(dg.AssetObservation(mapped_organizations.key, metadata=of_suggestions(warehouse)))
            return
        refused: list[str] = []
        acts = 0
        for sentence, warnings in _do(asked[0], config, warehouse, refused):
            acts += 1
            context.log.info(sentence)
            for warning in warnings:
                context.log.warning(in_the_ui(warning))
        if acts:
            context.log_event(materialized_mapping(warehouse))
    if refused:
        raise Failed("\n".join(refused))


def _do(asked: str, config: MappingConfig, warehouse: Warehouse, refused: list[str]) -> Iterator[_Done]:
    """Do what is asked for, and say of each thing that was done what it was; what is refused is added to `refused`."""
    match asked:
        case "accept_certain":
            certain = [one for one in suggest_mappings(warehouse) if one.certain]
            ids = ((one.company.id, one.agreement and one.agreement.id, one.organization.id) for one in certain)
            wanted = [MapCompany(company=str(a), agreement=str(b), organization=str(c)) for a, b, c in ids]
            yield from _map(wanted, warehouse, refused, accept_warnings=config.accept_warnings)
        case "map":
            yield from _map(config.map, warehouse, refused, accept_warnings=config.accept_warnings)
        case "unmap":
            for one in config.unmap:
                with _adding_to(refused, one.company):
                    unmapped = mapping.unmap_company(warehouse, one.company, one.organization or None)
                    yield unmapped_sentence(unmapped), tuple(filter(None, [unmapped.left_behind]))
        case "write_file":
            file, suggestions = Path(config.write_file), suggest_mappings(warehouse)
            yield written_sentence(mapping_file.export_mappings(warehouse, file, suggestions=suggestions)), ()
        case _:
            source = config.csv or Path(config.apply_file)
            applied = mapping_file.apply_mappings(
                warehouse,
                source,
                datetime.now(UTC),
                accept_warnings=config.accept_warnings,
                first_month=first_month(),
            )
            yield applied_sentence(applied), applied.warnings


def _map(
    wanted: Sequence[MapCompany], warehouse: Warehouse, refused: list[str], *, accept_warnings: bool
) -> Iterator[_Done]:
    months = [configured_month("bill_from", one.bill_from) if one.bill_from else None for one in wanted]
    for one, month in zip(wanted, months, strict=True):
        with _adding_to(refused, one.company):
            mapped = mapping.map_company(
                warehouse,
                one.company,
                one.agreement,
                one.organization,
                bill_from=month,
                trial_months=one.trial_months,
                accept_warnings=accept_warnings,
                first_month=first_month(),
                now=datetime.now(UTC),
            )
            yield mapped_sentence(mapped), mapped.warnings


@contextmanager
def _adding_to(refused: list[str], company: str) -> Generator[None]:
    """Go on with the next company when one is refused."""
    try:
        yield
    except IntegrationError as refusal:
        refused.append(f"{company}: {refusal}")


@launchable(_EXAMPLE)
def map_companies() -> None:
    """Map companies and their agreements to organizations.

    Those that are certain, a list, or all at once from CSV. As it stands, the run changes nothing, and shows what is
    suggested and the rows to complete.
    """
    choose_organizations()
