"""`import`: which companies, agreements and organizations there are."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from cw_pipeline.cli import lazy
from cw_pipeline.cli.command import REALLY_GONE, setup_command
from cw_pipeline.cli.options import AsJson, YesOption
from cw_pipeline.errors import HELD_OR_FAILED


def import_(
    types: Annotated[list[str] | None, typer.Option("--type", help="A company type; can be repeated.")] = None,
    statuses: Annotated[list[str] | None, typer.Option("--status", help="A company status; can be repeated.")] = None,
    *,
    yes: YesOption = False,
    as_json: AsJson = False,
) -> None:
    """Import companies of these types and statuses, their agreements, and the NordPass organizations.

    Without options, the types and statuses of the last import are used. Mappings are kept. Asks before it accepts a
    list that is empty, or that lacks more than a few of the mapped records.
    """
    with setup_command(as_json=as_json) as running:
        client, warehouse = running.connectwise, running.warehouse
        nordpass = running.nordpass  # opened first: nothing is imported where a setting is missing
        running.done["imported_companies"] = companies = running.confirm_warnings(
            partial(lazy.imports.import_companies, client, warehouse, types or None, statuses or None),
            on="Reading companies from ConnectWise",
            question=REALLY_GONE,
            yes=yes,
        )
        running.done["agreements"] = agreements = running.confirm_warnings(
            partial(lazy.imports.import_agreements, client, warehouse),
            on="Reading agreements from ConnectWise",
            question=REALLY_GONE,
            yes=yes,
        )
        running.done["organizations"] = organizations = running.confirm_warnings(
            partial(lazy.organizations.refresh_organizations, nordpass, warehouse),
            on="Reading organizations from NordPass",
            question=REALLY_GONE,
            yes=yes,
        )
        with warehouse.transaction() as session:
            gone = tuple(lazy.listings.gone_mappings(session))
        chosen = {"types": companies.types, "statuses": companies.statuses}
        imported = {"companies": companies, "agreements": agreements, "organizations": organizations}
        running.document({"chosen": chosen, **imported})
        running.table(
            ["", "Total", "New", "Changed", "Gone"],
            [(name, one.total, len(one.new), len(one.changed), len(one.gone)) for name, one in imported.items()],
        )
        unreadable = (*companies.unreadable, *agreements.unreadable)
        running.notice(*gone, *agreements.agreement_changed, *unreadable)
        running.say("Next, map the new companies: see `cw-pipeline companies suggest`.")
        if unreadable:
            running.exit_code = HELD_OR_FAILED
