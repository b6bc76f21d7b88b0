"""What the UI shows of the setup: what is connected, imported, mapped and suggested, and what people did last."""

from __future__ import annotations

from datetime import UTC, datetime
from textwrap import indent
from typing import TYPE_CHECKING, Literal

import dagster as dg

from cw_pipeline.connectwise.sites import record_url
from cw_pipeline.orchestration.launchpad import filled_in
from cw_pipeline.orchestration.metadata import Details, names, table, wide_table
from cw_pipeline.orchestration.partitions import first_month
from cw_pipeline.orchestration.tenant import SCHEDULE
from cw_pipeline.reports.listings import companies, organizations
from cw_pipeline.reports.status import status
from cw_pipeline.settings import Approval
from cw_pipeline.setup.audit import audit_log
from cw_pipeline.setup.imports import AgreementsReport, ImportReport
from cw_pipeline.setup.mapping_csv import Cells, csv_of, table_of
from cw_pipeline.setup.mapping_file import rows_to_complete
from cw_pipeline.setup.suggest import suggest_mappings
from cw_pipeline.vocabulary import counted
from cw_pipeline.warehouse.names import name_and_id
from cw_pipeline.warehouse.tables import IntegrationRow
from cw_pipeline.wording import cells
from cw_pipeline.wording.markdown import escaped, in_a_window
from cw_pipeline.wording.markdown import table as markdown_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from cw_pipeline.connectwise.models import CatalogItem
    from cw_pipeline.reports.listings import ListedCompany
    from cw_pipeline.setup.connection import Connection
    from cw_pipeline.setup.list_update import Changes
    from cw_pipeline.setup.products import MappedProduct
    from cw_pipeline.vocabulary import Month
    from cw_pipeline.warehouse.database import Warehouse
    from cw_pipeline.warehouse.names import Named

_LATEST_ENTRIES = 20
_MOST_LINKS = 200
_MOST_ROWS_TO_COMPLETE = 500
"""Dagster never deletes metadata."""
_LONGEST_ADDRESS = 8_000
"""What every web server and proxy takes."""
_TO_COMPLETE = (
    "Each link opens the Launchpad with rows to complete. Put ids into agreement_id and organization_id, leave the "
    "other rows as they are, and launch the run."
)
_TO_COPY = (
    "Select the table with its header, and copy it into a spreadsheet. Complete agreement_id and organization_id "
    "there, and paste the cells below `csv: |` in the Launchpad; select what you pasted and press Tab to indent it."
)
_NO_SIMILAR_COMPANY = (
    "No unmapped company has a similar name. Choose the company yourself, with map or csv. If there is none, create it "
    "in ConnectWise with an agreement, or choose its type and status in the job import_companies; run that job, and "
    "map it. What stays unmapped is not billed."
)


def import_details(changes: Changes) -> Details:
    """What an import changed, as numbers, and the names of what is new and what is gone."""
    details: Details = {
        **changes.numbers,
        "dagster/row_count": changes.total,
        "new_names": names(list(map(name_and_id, changes.new))),
        "gone_names": names(list(map(name_and_id, changes.gone))),
    }
    if isinstance(changes, AgreementsReport):
        details["agreement_changed"] = names(changes.agreement_changed)
    if isinstance(changes, ImportReport | AgreementsReport):
        details["unreadable"] = names(changes.unreadable)
    return details


def mapping_details(warehouse: Warehouse) -> Details:
    """How far the set-up has come, what is mapped and what is not, and what people did last."""
    now = status(
        warehouse,
        first_month=first_month(),
        now=datetime.now(UTC),
        schedule=SCHEDULE,
        approval=Approval().approval_required,
    )
    with warehouse.transaction() as session:
        listed = companies(session)
        all_organizations = organizations(session)
        entries = audit_log(session, latest=_LATEST_ENTRIES)
        integration = session.get(IntegrationRow, 1)
    billed_from = min((company.bill_from for company in listed if company.bill_from is not None), default=None)
    return {
        "state": now.state.value,
        "missing": names(now.missing),
        "gone": names(now.gone),
        "agreement_changed": names(now.agreement_changed),
        "dagster/row_count": now.mapped_organizations,
        "mapped": now.mapped,
        "mapped_organizations": now.mapped_organizations,
        "unmapped_companies": now.unmapped_companies,
        "unmapped_organizations": now.unmapped_organizations,
        **({"first_billed_month": _first_billed(billed_from)} if billed_from is not None else {}),
        "next_tick": dg.MetadataValue.timestamp(now.next_tick),
        "companies": table(*cells.companies(sorted(listed, key=lambda company: company.state == "mapped"))),
        **({"in_connectwise": _links(listed, integration)} if integration is not None else {}),
        "organizations": table(*cells.organizations(all_organizations)),
        "latest_acts": table(*cells.audit_log(reversed(entries))),
    }


def _links(listed: Sequence[ListedCompany], integration: IntegrationRow) -> dg.MetadataValue:
    """Links to the mapped companies and agreements, as a list that the UI opens in a window."""

    def link(record: Named | ListedCompany, kind: Literal["AgreementFV", "CompanyFV"]) -> str:
        address = record_url(integration.site_url, integration.company_id, kind, int(record.id))
        return f"[{escaped(name_and_id(record))}]({address})"

    rows = [
        (link(company, "CompanyFV"), link(company.agreement, "AgreementFV")) for company in listed if company.agreement
    ]
    return dg.MetadataValue.md(markdown_table(("Company", "Agreement"), rows[:_MOST_LINKS]))


def _first_billed(month: Month) -> str:
    """The first month that anybody is billed for, and how to leave out the months before it, which nobody pushes."""
    if month <= first_month():
        return str(month)
    return f"{month}. Set CW_PIPELINE_FIRST_MONTH to it, and earlier months no longer show as missing."


def suggestion_details(warehouse: Warehouse) -> Details:
    """Which organization may belong to which company, and CSV to complete and to paste into `map_companies`."""
    suggestions = suggest_mappings(warehouse)
    with warehouse.transaction() as session:
        rows = rows_to_complete(session, suggestions)
        suggested = {suggestion.organization.id for suggestion in suggestions}
        others = [
            (name_and_id(organization), organization.plan, organization.license_type)
            for organization, company in organizations(session)
            if company is None and organization.msp_managed and organization.id not in suggested
        ]
    details: Details = {"certain": sum(suggestion.certain for suggestion in suggestions)}
    if rows:
        details |= _to_complete(rows[:_MOST_ROWS_TO_COMPLETE])
    if len(rows) > _MOST_ROWS_TO_COMPLETE:
        details["more"] = "write_file writes all of them"
    details["suggestions"] = table(*cells.suggestions(suggestions))
    if others:
        details["no_similar_company"] = wide_table(("Organization", "Plan", "License"), others, _NO_SIMILAR_COMPANY)
    return details


def _to_complete(rows: Sequence[Cells]) -> Details:
    """Rows of the mapping file to complete: in the Launchpad, and as a table for a spreadsheet."""
    links = [
        f"- [{counted(len(part), 'row')}, {escaped(part[0].company_name)} to "
        f"{escaped(part[-1].company_name)}]({address})"
        for part, address in _in_launchpads(rows)
    ]
    header, *cells = table_of(rows)
    table = markdown_table(header, ([escaped(cell) for cell in row] for row in cells))
    return {
        "launchpad": dg.MetadataValue.md(in_a_window("\n\n".join([_TO_COMPLETE, "\n".join(links)]))),
        "rows": dg.MetadataValue.md(in_a_window(f"{_TO_COPY}\n\n{table}")),
    }


def _in_launchpads(rows: Sequence[Cells]) -> Iterator[tuple[Sequence[Cells], str]]:
    """The rows in parts, each with the address of a Launchpad that it fills."""
    part: list[Cells] = []
    for row in rows:
        if part and len(_launchpad_with([*part, row])) > _LONGEST_ADDRESS:
            yield part, _launchpad_with(part)
            part = []
        part.append(row)
    yield part, _launchpad_with(part)


def _launchpad_with(rows: Sequence[Cells]) -> str:
    csv = indent(csv_of(rows).replace("\r\n", "\n"), " " * 8)
    return filled_in("map_companies", f"ops:\n  choose_organizations:\n    config:\n      csv: |\n{csv}")


def connection_details(connected: Connection) -> Details:
    """What connecting found: the company, how far the setup has come, and each right with what it is needed for."""
    return {
        "company": f"{connected.company_name} ({connected.company_id})",
        "site": dg.MetadataValue.url(connected.site_url),
        "state": connected.state.value,
        "rights": table(*cells.rights(connected.rights)),
    }


def product_details(mapped: Sequence[MappedProduct], catalog: Iterable[CatalogItem] | None = None) -> Details:
    """The plans that are mapped and, if it was read, the products of the catalog."""
    return {
        "dagster/row_count": len(mapped),
        "plans": table(*cells.products(mapped)),
        **({"catalog": table(*cells.catalog(catalog, mapped))} if catalog is not None else {}),
    }
