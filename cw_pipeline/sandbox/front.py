"""What every request to either service passes first: the journal and the faults."""

from typing import cast

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cw_pipeline.sandbox.faults import Fault, FaultKind, Faults
from cw_pipeline.sandbox.journal import Journal
from cw_pipeline.sandbox.server import close_connection, reset_connection
from cw_pipeline.sandbox.wire import Record, dumps, loads

CONTROL_PATH = "/sandbox/"

_JSON = "application/json"
_CUT = frozenset({FaultKind.RESET_BEFORE, FaultKind.RESET_AFTER, FaultKind.TRUNCATED, FaultKind.UNANSWERED})
_ANSWERS = {
    FaultKind.STATUS: ('{"code":"ServerError","message":"Fault."}', _JSON),
    FaultKind.NOT_JSON: ("{this is not JSON", _JSON),
    FaultKind.HTML: (
        "<html><head><title>Error</title></head><body><h1>The proxy could not reach the server.</h1></body></html>",
        "text/html",
    ),
}
"""What is answered instead of the service's answer: the body, unless the fault has its own, and its type."""


class Front:
    """The outermost application. The control interface is neither recorded nor disturbed."""

    def __init__(self, app: ASGIApp, journal: Journal, faults: Faults) -> None:
        self._app = app
        self._journal = journal
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["path"].startswith(CONTROL_PATH):
            await self._app(scope, receive, send)
            return
        body = await _whole_body(receive)
        method, path, text = scope["method"], scope["path"], body.decode("utf-8", "replace")
        entry = self._journal.add(method, path, scope["query_string"].decode("ascii"), text)
        fault = self._faults.hit(method, path, text)
        if fault is None:
            reply = await self._processed(scope, body)
        else:
            reply = await self._faulty(fault, scope, body)
            if fault.kind in _CUT:
                await _cut(fault, reply, scope, receive, send)
                return
        entry.status = reply.status_code
        if fault is not None and fault.kind is FaultKind.SLOW and fault.written:
            await fault.wait_until_released()
        await reply(scope, receive, send)

    async def _processed(self, scope: Scope, body: bytes) -> Response:
        messages: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def collect(message: Message) -> None:
            messages.append(message)

        await self._app(scope, receive, collect)
        reply = Response(b"".join(message.get("body", b"") for message in messages[1:]), messages[0]["status"])
        reply.raw_headers = list(messages[0]["headers"])
        return reply

    async def _faulty(self, fault: Fault, scope: Scope, body: bytes) -> Response:
        """The answer to a request that a fault hits; if the connection is cut, the answer that is lost."""
        processed = await self._processed(scope, body) if fault.written else _null()
        self._faults.took_effect(fault)
        if fault.kind in _ANSWERS:
            text, media_type = _ANSWERS[fault.kind]
            status = 200 if fault.kind is FaultKind.NOT_JSON else fault.status
            return Response(text if fault.reply is None else fault.reply, status, fault.headers, media_type)
        if fault.kind is FaultKind.SPOILED:
            return Response(_spoiled(fault, bytes(processed.body)), processed.status_code, fault.headers, _JSON)
        if fault.kind is FaultKind.SLOW and not fault.written:
            await fault.wait_until_released()
            return await self._processed(scope, body)
        if fault.kind is FaultKind.SILENT_200:
            # What reading the object answers; an object that would have been created is null.
            unchanged = {**scope, "method": "GET"}
            return await self._processed(unchanged, b"") if scope["method"] == "PATCH" else _null()
        return processed


async def _cut(fault: Fault, reply: Response, scope: Scope, receive: Receive, send: Send) -> None:
    if fault.kind is FaultKind.TRUNCATED:
        await send({"type": "http.response.start", "status": reply.status_code, "headers": reply.raw_headers})
        half = bytes(reply.body[: len(reply.body) // 2])
        await send({"type": "http.response.body", "body": half, "more_body": True})
        close_connection(scope)
    else:
        if fault.kind is FaultKind.UNANSWERED:
            await fault.wait_until_released()
        reset_connection(scope)
    while (await receive())["type"] != "http.disconnect":
        pass


async def _whole_body(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return body


def _null() -> Response:
    return Response(b"null", media_type=_JSON)


def _spoiled(fault: Fault, body: bytes) -> bytes:
    document = cast("list[Record] | Record | None", loads(body))  # null if nothing was processed
    for record in document if isinstance(document, list) else filter(None, [document]):
        if fault.record in {None, record.get("id")}:
            record.update(fault.members)
    return dumps(document)
