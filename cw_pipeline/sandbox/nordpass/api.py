"""The Provider API as assumed: bearer tokens that the MSP signs, JSON, pages by cursor."""

from collections.abc import Callable
from typing import Annotated

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cw_pipeline.sandbox.nordpass.state import ErrorFormat, LicenseType, NordPass, Plan, UnknownMonth
from cw_pipeline.sandbox.wire import Record, json_response

MSP_ID = "msp-sandbox"
AUDIENCE = "nordpass-provider-api"
PAGE_SIZE = 25
LONGEST_TOKEN_SECONDS = 300


class _NewOrganization(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(pattern=r"\S")]
    plan: Plan
    license_type: LicenseType
    contact_email: Annotated[str, Field(pattern="@")]
    country: str | None = None


class _Refusal(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code

    def response(self, error_format: ErrorFormat) -> Response:
        if error_format == "assumed":
            return json_response({"error": {"code": self.code, "message": str(self)}}, self.status)
        document = {
            "type": f"https://nordpass.example/problems/{self.code}",
            "title": self.code.replace("_", " ").capitalize(),
            "status": self.status,
            "detail": str(self),
        }
        response = json_response(document, self.status)
        response.headers["Content-Type"] = "application/problem+json"
        return response


class NordPassApi:
    """The endpoints. `public_key` verifies the MSP's tokens."""

    def __init__(self, state: NordPass, public_key: RSAPublicKey) -> None:
        self._state = state
        self._public_key = public_key
        self._used_tokens: set[str] = set()

    def app(self) -> Starlette:
        """The ASGI application."""
        routes = [
            Route("/v1/organizations", self._guarded(self._organizations), methods=["GET"]),
            Route("/v1/organizations", self._guarded(self._add_organization), methods=["POST"]),
            Route("/v1/usage/monthly", self._guarded(self._monthly_usage), methods=["GET"]),
        ]
        app = Starlette(routes=routes, exception_handlers={404: self._no_endpoint, 405: self._no_endpoint})
        app.router.redirect_slashes = False
        return app

    def _guarded(self, answer: Callable[[Request, bytes], Response]) -> Callable[[Request], object]:
        async def endpoint(request: Request) -> Response:
            body = await request.body()
            with self._state.lock:
                try:
                    self._check_token(request)
                    return answer(request, body)
                except _Refusal as refusal:
                    return refusal.response(self._state.error_format)

        return endpoint

    def _check_token(self, request: Request) -> None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise _Refusal(401, "unauthorized", "A bearer token is required.")
        try:
            claims = jwt.decode(
                token,
                self._public_key,
                algorithms=["RS256"],
                audience=AUDIENCE,
                issuer=MSP_ID,
                subject=MSP_ID,
                options={"require": ["iss", "sub", "aud", "iat", "exp", "jti"]},
            )
        except jwt.InvalidTokenError as error:
            raise _Refusal(401, "unauthorized", f"The token is not valid: {error}.") from error
        if claims["exp"] - claims["iat"] > LONGEST_TOKEN_SECONDS:
            raise _Refusal(401, "unauthorized", "The token is valid for more than five minutes.")
        if claims["jti"] in self._used_tokens:
            raise _Refusal(401, "unauthorized", "The token was used before.")
        self._used_tokens.add(claims["jti"])

    def _organizations(self, request: Request, _body: bytes) -> Response:
        items, next_cursor = _page(request, self._state.organizations())
        return json_response({"items": items, "next_cursor": next_cursor})

    def _monthly_usage(self, request: Request, _body: bytes) -> Response:
        try:
            report = self._state.report(request.query_params.get("month", ""))
        except UnknownMonth as error:
            raise _Refusal(404, "not_found", str(error)) from error
        items, next_cursor = _page(request, report["items"])
        return json_response({**report, "items": items, "next_cursor": next_cursor})

    def _add_organization(self, request: Request, text: bytes) -> Response:
        try:
            body = _NewOrganization.model_validate_json(text).model_dump()
        except ValidationError as error:
            raise _invalid(str(error)) from error
        key = request.headers.get("idempotency-key")
        earlier = self._state.remembered(key) if key else None
        if earlier is not None:
            if earlier["body"] != body:
                raise _Refusal(422, "idempotency_key_reused", "The key came with another organization before.")
            return json_response(earlier["organization"], 201)
        licenses = {organization["license_type"] for organization in self._state.organizations()}
        if body["license_type"] == "NFR" and "NFR" in licenses:
            raise _Refusal(409, "conflict", "An MSP has one organization that is not for resale.")
        organization = self._state.add_organization(body)
        if key:
            self._state.append_seen(key, body, organization)
        return json_response(organization, 201)

    async def _no_endpoint(self, _request: Request, _error: Exception) -> Response:
        return _Refusal(404, "not_found", "There is no such endpoint.").response(self._state.error_format)


def _invalid(message: str) -> _Refusal:
    return _Refusal(422, "invalid", message)


def _page(request: Request, items: list[Record]) -> tuple[list[Record], str | None]:
    cursor = request.query_params.get("cursor") or "at:0"
    try:
        start = int(cursor.removeprefix("at:"))
    except ValueError as error:
        raise _invalid("The cursor is not one of ours.") from error
    end = start + PAGE_SIZE
    return items[start:end], f"at:{end}" if end < len(items) else None
