"""The control interface: what other processes do behind the services' backs.

`POST /sandbox/{act}` takes a JSON object with the act's arguments, and answers its result. There are no credentials:
the server is on loopback and holds nothing real.
"""

from collections.abc import Callable
from typing import Any, cast

from pydantic import ValidationError, validate_call
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cw_pipeline.sandbox.connectwise.state import ConnectWise
from cw_pipeline.sandbox.faults import Faults
from cw_pipeline.sandbox.journal import Journal
from cw_pipeline.sandbox.nordpass.state import NordPass
from cw_pipeline.sandbox.wire import NotJson, Record, json_response, loads

Act = Callable[..., Any]


def control_app(connectwise: ConnectWise, nordpass: NordPass, journal: Journal, faults: Faults) -> Starlette:
    """The ASGI application."""

    def settings() -> Record:
        return connectwise.settings.model_dump()

    def change_settings(**switches: Any) -> Record:  # noqa: ANN401 - checked by the model
        return connectwise.change_settings(**switches).model_dump()

    acts: dict[str, Act] = {
        "set_usage": nordpass.set_usage,
        "usage": nordpass.usage,
        "set_report_final": nordpass.set_report_final,
        "set_error_format": nordpass.set_error_format,
        "organizations": nordpass.organizations,
        "edit_organization": nordpass.edit_organization,
        "remove_organization": nordpass.remove_organization,
        "records": connectwise.records,
        "additions": connectwise.additions,
        "edit_addition": connectwise.edit_addition,
        "duplicate_addition": connectwise.duplicate_addition,
        "delete_addition": connectwise.delete_addition,
        "edit_agreement": connectwise.edit_agreement,
        "copy_agreement": connectwise.copy_agreement,
        "edit_company": connectwise.edit_company,
        "remove_company": connectwise.remove_company,
        "invoice": connectwise.invoice,
        "invoices": connectwise.invoices,
        "edit_invoice": connectwise.edit_invoice,
        "delete_invoice": connectwise.delete_invoice,
        "write_off_period": connectwise.write_off_period,
        "reopen_period": connectwise.reopen_period,
        "role": lambda: sorted(connectwise.role),
        "set_role": connectwise.set_role,
        "settings": settings,
        "change_settings": change_settings,
        "add_fault": faults.add,
        "faults": faults.records,
        "release_fault": faults.release,
        "clear_faults": faults.clear,
        "journal": journal.records,
        "clear_journal": journal.clear,
    }

    async def perform(request: Request) -> Response:
        act = acts.get(request.path_params["act"])
        if act is None:
            return json_response({"error": f"there is no act {request.path_params['act']}"}, 404)
        # Turns JSON into the types that the act takes, and refuses other arguments.
        checked = validate_call(act)
        try:
            return json_response(checked(**_arguments(await request.body())))
        except (ValueError, LookupError, ValidationError) as error:
            return json_response({"error": str(error)}, 400)

    return Starlette(routes=[Route("/{act}", perform, methods=["POST"])])


def _arguments(text: bytes) -> Record:
    try:
        arguments = loads(text or b"{}")
    except NotJson as error:
        raise ValueError(f"the arguments are not JSON: {error}") from error
    if not isinstance(arguments, dict):
        raise ValueError("the arguments have to be a JSON object")  # noqa: TRY004 - wrong input, not a wrong call
    return cast("Record", arguments)
