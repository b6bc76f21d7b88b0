"""ConnectWise's HTTP interface: routes, authentication, rights and the rate limit."""

import base64
import binascii
import hmac
import re
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import count
from time import monotonic
from uuid import UUID

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cw_pipeline.sandbox.connectwise import additions, billed, catalog, resources
from cw_pipeline.sandbox.connectwise.errors import (
    Refusal,
    malformed,
    no_endpoint,
    no_permission,
    no_record,
    not_authenticated,
)
from cw_pipeline.sandbox.connectwise.listing import count_response, list_response, report_response
from cw_pipeline.sandbox.connectwise.resources import COLLECTIONS, REFUSED_WRITES, Collection
from cw_pipeline.sandbox.connectwise.rights import Right
from cw_pipeline.sandbox.connectwise.state import ConnectWise
from cw_pipeline.sandbox.wire import NotJson, Record, json_response, loads

COMPANY_ID = "sandbox"
PUBLIC_KEY = "sandboxPublicKey1"
PRIVATE_KEY = "sandboxPrivateKey"
CLIENT_ID = "5a3d0b0e-6d0c-4c7e-9f3a-0c5a5d2b7e11"
LATEST_VERSION = "2026.1"

_MINUTE_SECONDS = 60
_VERSION = re.compile(r"version=([\d.]+)")

Answer = Callable[[Request, object], Response]


class ConnectWiseApi:
    """The endpoints."""

    def __init__(self, state: ConnectWise) -> None:
        self._state = state
        self._request_ids = count(1)
        self._recent: deque[float] = deque()
        self._routes = [
            Route("/login/companyinfo/{company}", self._company_info, methods=["GET"]),
            *self._addition_routes(),
            *(route for collection in COLLECTIONS for route in self._collection_routes(collection)),
            self._route("GET", "/system/reports/Product", Right.API_REPORTS_INQUIRE, self._report_products),
            self._route("POST", "/procurement/catalog", Right.CATALOG_ADD, self._create_item),
            *(self._route(method, path, right, _not_offered) for method, path, right in REFUSED_WRITES),
        ]

    def app(self) -> Starlette:
        """The ASGI application. Paths have to have the right closing slash."""
        app = Starlette(routes=self._routes, exception_handlers={404: _no_endpoint, 405: _no_method})
        app.router.redirect_slashes = False
        return app

    # Routes

    def _route(self, method: str, path: str, right: Right, answer: Answer) -> Route:
        return Route(f"/{{codebase}}/apis/3.0{path}", self._guarded(right, answer), methods=[method])

    def _collection_routes(self, collection: Collection) -> list[Route]:
        def listed(request: Request, _body: object) -> Response:
            state = self._state
            return list_response(request, collection.records(state), collection.resource, state)

        def counted(request: Request, _body: object) -> Response:
            return count_response(request, collection.records(self._state), collection.resource, self._state)

        def single(request: Request, _body: object) -> Response:
            record_id: int = request.path_params["id"]
            for record in collection.records(self._state):
                if record["id"] == record_id:
                    return json_response(record)
            raise no_record(collection.kind, record_id)

        path, right = collection.path, collection.right
        return [
            self._route("GET", path + collection.list_suffix, right, listed),
            *([self._route("GET", f"{path}/count", right, counted)] if collection.counted else []),
            self._route("GET", f"{path}/{{id:int}}", right, single),
        ]

    def _addition_routes(self) -> list[Route]:
        path = "/finance/agreements/{agreement_id:int}/additions"
        own_path = f"{path}/{{id:int}}"
        return [
            self._route("GET", path, Right.AGREEMENTS_INQUIRE, self._list_additions),
            self._route("GET", f"{path}/count", Right.AGREEMENTS_INQUIRE, self._count_additions),
            self._route("GET", own_path, Right.AGREEMENTS_INQUIRE, self._get_addition),
            self._route("POST", path, Right.AGREEMENTS_ADD, self._create_addition),
            self._route("PATCH", own_path, Right.AGREEMENTS_EDIT, self._patch_addition),
            self._route("DELETE", own_path, Right.AGREEMENTS_DELETE, self._delete_addition),
        ]

    # Additions

    def _list_additions(self, request: Request, _body: object) -> Response:
        forward_only = self._state.settings.forward_only_additions
        resource = resources.ADDITION if forward_only else resources.ADDITION_WITHOUT_FORWARD_ONLY
        return list_response(request, self._rendered_additions(request), resource, self._state)

    def _count_additions(self, request: Request, _body: object) -> Response:
        return count_response(request, self._rendered_additions(request), resources.ADDITION, self._state)

    def _get_addition(self, request: Request, _body: object) -> Response:
        _, addition = self._addition(request)
        return json_response(additions.rendered(self._state, addition))

    def _create_addition(self, request: Request, body: object) -> Response:
        created = additions.create(self._state, self._agreement(request), body)
        return json_response(additions.rendered(self._state, created), 201)

    def _patch_addition(self, request: Request, body: object) -> Response:
        agreement, addition = self._addition(request)
        patched = additions.patch(self._state, agreement, addition, body)
        return json_response(additions.rendered(self._state, patched))

    def _delete_addition(self, request: Request, _body: object) -> Response:
        _, addition = self._addition(request)
        additions.delete(self._state, addition)
        return Response(status_code=204)

    def _rendered_additions(self, request: Request) -> list[Record]:
        lines = self._state.additions_of(self._agreement(request)["id"])
        return [additions.rendered(self._state, line) for line in lines]

    def _agreement(self, request: Request) -> Record:
        agreement_id: int = request.path_params["agreement_id"]
        agreement = self._state.tables["agreements"].get(agreement_id)
        if agreement is None or agreement["type"]["id"] in self._state.settings.hidden_agreement_types:
            raise no_record("Agreement", agreement_id)
        return agreement

    def _addition(self, request: Request) -> tuple[Record, Record]:
        agreement = self._agreement(request)
        addition_id: int = request.path_params["id"]
        addition = self._state.tables["additions"].get(addition_id)
        if addition is None or addition["agreementId"] != agreement["id"]:
            raise no_record("Addition", addition_id)
        return agreement, addition

    # Products

    def _create_item(self, _request: Request, body: object) -> Response:
        return json_response(catalog.create(self._state, body), 201)

    # Reports

    def _report_products(self, request: Request, _body: object) -> Response:
        return report_response(request, billed.REPORT_COLUMNS, billed.report(self._state), billed.REPORT, self._state)

    # Who may call

    async def _company_info(self, request: Request) -> Response:
        with self._state.lock:
            if refused := self._too_many_requests():
                return refused
            if request.path_params["company"].lower() != COMPANY_ID:
                return json_response(None)
            return json_response(
                {
                    "CompanyName": "Sandbox Managed Services",
                    "Codebase": self._state.settings.codebase,
                    "VersionCode": "v2026.1",
                    "VersionNumber": "v2026.1.100000",
                    "CompanyID": COMPANY_ID,
                    "IsCloud": "True",
                }
            )

    def _guarded(self, right: Right, answer: Answer) -> Callable[[Request], object]:
        async def endpoint(request: Request) -> Response:
            text = await request.body()
            with self._state.lock:
                response = self._too_many_requests() or self._answer(request, text, right, answer)
            version = _VERSION.search(request.headers.get("accept", ""))
            response.headers["api-current-version"] = version[1] if version else LATEST_VERSION
            response.headers["x-cw-request-id"] = str(UUID(int=next(self._request_ids)))
            return response

        return endpoint

    def _answer(self, request: Request, text: bytes, right: Right, answer: Answer) -> Response:
        try:
            self._check_request(request)
            self._check_credentials(request)
            if right not in self._state.role:
                raise no_permission()
            return answer(request, _body(text))
        except Refusal as refusal:
            return refusal.response()

    def _check_request(self, request: Request) -> None:
        if len(str(request.url)) > self._state.settings.url_limit:
            raise Refusal(414, "ConnectWiseApi", "The request URL is too long.")
        if request.path_params["codebase"] != self._state.settings.codebase.strip("/"):
            raise no_endpoint()

    def _check_credentials(self, request: Request) -> None:
        expected = f"{COMPANY_ID}+{PUBLIC_KEY}:{PRIVATE_KEY}".encode()
        scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            raise Refusal(401, "Unauthorized", "Authentication is required.")
        try:
            given = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            given = b""
        if not hmac.compare_digest(given, expected):
            raise no_endpoint() if self._state.settings.bad_credentials_status == 404 else not_authenticated()  # noqa: PLR2004 - an HTTP status
        if request.headers.get("clientid") != CLIENT_ID:
            status = self._state.settings.missing_client_id_status
            raise Refusal(status, "ConnectWiseApi", "A valid clientId header is required.")

    def _too_many_requests(self) -> Response | None:
        now = monotonic()
        while self._recent and self._recent[0] <= now - _MINUTE_SECONDS:
            self._recent.popleft()
        settings = self._state.settings
        if len(self._recent) < settings.requests_per_minute:
            self._recent.append(now)
            return None
        wait = int(self._recent[0] + _MINUTE_SECONDS - now) + 1 if self._recent else _MINUTE_SECONDS
        until = format_datetime(datetime.now(UTC) + timedelta(seconds=wait), usegmt=True)
        message = f"Too many requests. Please try again in {wait} seconds."
        headers = {"Retry-After": until if settings.retry_after_as_date else str(wait)}
        # This one error names its code `error`.
        return json_response({"error": "ConnectWiseAPI", "message": message}, 429, headers)


async def _no_endpoint(_request: Request, _error: Exception) -> Response:
    return no_endpoint().response()


async def _no_method(_request: Request, _error: Exception) -> Response:
    return Refusal(405, "ConnectWiseApi", "The endpoint does not support this method.").response()


def _not_offered(_request: Request, _body: object) -> Response:
    raise Refusal(405, "ConnectWiseApi", "The sandbox does not carry out this write.")


def _body(text: bytes) -> object:
    if not text:
        return None
    try:
        return loads(text)
    except NotJson as error:
        raise malformed(f"The body is not JSON: {error}") from error
