"""`import`: which companies, agreements and organizations there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cw_pipeline.cli.accepting import BELIEVE_IT, accepting_warnings
from cw_pipeline.cli.environment import YesOption, opened_dagster, opened_warehouse, read_settings
from cw_pipeline.cli.output import AsJson, command_output
from cw_pipeline.errors import HELD_OR_FAILED

if TYPE_CHECKING:
    from cw_pipeline.setup.reconcile import Changes


def import_(
    types: Annotated[list[str] | None, typer.Option("--type", help="A company type; may be repeated.")] = None,
    statuses: Annotated[list[str] | None, typer.Option("--status", help="A company status; may be repeated.")] = None,
    *,
    yes: YesOption = False,
    as_json: AsJson = False,
) -> None:
    """Import companies of these types and statuses, their agreements, and the NordPass organizations.

    Without an option, the choice of the last import is taken. Mappings are kept. Asks before it believes a list that is
    empty, or lacks more than a few of what is mapped.
    """
    from cw_pipeline.orchestration.assets.setup import report_setup
    from cw_pipeline.reports.listings import gone_mappings
    from cw_pipeline.setup.imports import import_agreements, import_companies
    from cw_pipeline.setup.opening import open_connectwise, open_nordpass
    from cw_pipeline.setup.organizations import refresh_organizations

    with command_output(as_json=as_json) as output:
        settings = read_settings()
        with (
            open_connectwise(settings) as client,
            open_nordpass(settings) as nordpass,
            opened_dagster(settings) as dagster,
            opened_warehouse(settings) as warehouse,
        ):
            imported: dict[str, Changes] = {}
            try:
                imported["imported_companies"] = companies = accepting_warnings(
                    output,
                    lambda accepted: import_companies(
                        client, warehouse, types or None, statuses or None, accept_warnings=accepted
                    ),
                    question=BELIEVE_IT,
                    yes=yes,
                )
                imported["agreements"] = agreements = accepting_warnings(
                    output,
                    lambda accepted: import_agreements(client, warehouse, accept_warnings=accepted),
                    question=BELIEVE_IT,
                    yes=yes,
                )
                imported["organizations"] = organizations = accepting_warnings(
                    output,
                    lambda accepted: refresh_organizations(nordpass, warehouse, accept_warnings=accepted),
                    question=BELIEVE_IT,
                    yes=yes,
                )
            finally:
                if imported:  # what was imported before something failed is there, and shows
                    report_setup(dagster, warehouse, imported)
            with warehouse.transaction() as session:
                gone = tuple(gone_mappings(session))
        chosen = {"types": companies.types, "statuses": companies.statuses}
        output.document(
            {"chosen": chosen, "companies": companies, "agreements": agreements, "organizations": organizations}
        )
        output.table(
            ["", "Total", "New", "Changed", "Gone"],
            [
                (name.removeprefix("imported_"), one.total, len(one.new), len(one.changed), len(one.gone))
                for name, one in imported.items()
            ],
            right=["Total", "New", "Changed", "Gone"],
        )
        unreadable = (*companies.unreadable, *agreements.unreadable)
        for sentence in (*gone, *agreements.agreement_changed, *unreadable):
            output.notice(sentence)
        output.say("Map what is new with `cw-pipeline companies suggest`.")
        if unreadable:
            raise typer.Exit(HELD_OR_FAILED)
