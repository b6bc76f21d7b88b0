"""What every request to either service passes first: the journal and the faults."""

from dataclasses import dataclass, field
from typing import cast

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cw_pipeline.sandbox.faults import Fault, FaultKind, Faults
from cw_pipeline.sandbox.journal import Journal, JournalEntry
from cw_pipeline.sandbox.server import close_connection, reset_connection
from cw_pipeline.sandbox.wire import Record, dumps, loads

CONTROL_PATH = "/sandbox/"

_HTML = "<html><head><title>Error</title></head><body><h1>The proxy could not reach the server.</h1></body></html>"
_CUT = frozenset({FaultKind.RESET_BEFORE, FaultKind.RESET_AFTER, FaultKind.TRUNCATED, FaultKind.UNANSWERED})


@dataclass
class _Reply:
    """A whole answer of an inner application."""

    status: int = 500
    headers: list[tuple[bytes, bytes]] = field(default_factory=list[tuple[bytes, bytes]])
    body: bytes = b""

    async def collect(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = list(message["headers"])
        else:
            self.body += message.get("body", b"")

    async def send(self, send: Send) -> None:
        await self.start(send)
        await send({"type": "http.response.body", "body": self.body})

    async def start(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})


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
            entry.status = reply.status
            await reply.send(send)
            return
        reply = await self._faulty_reply(fault, scope, body)
        if fault.kind in _CUT:
            await _cut(fault, reply, scope, receive, send)
            return
        await self._deliver(fault, reply, entry, send)

    async def _processed(self, scope: Scope, body: bytes) -> _Reply:
        reply = _Reply()

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, receive, reply.collect)
        return reply

    async def _faulty_reply(self, fault: Fault, scope: Scope, body: bytes) -> _Reply:
        if fault.written:
            reply = await self._processed(scope, body)
            self._faults.took_effect(fault)
            return reply
        self._faults.took_effect(fault)
        if fault.kind is FaultKind.SLOW:
            await fault.wait_until_released()
            return await self._processed(scope, body)
        return await self._unchanged(scope) if fault.kind is FaultKind.SILENT_200 else _Reply()

    async def _unchanged(self, scope: Scope) -> _Reply:
        """What reading the object answers; an object that would have been created is null."""
        if scope["method"] == "PATCH":
            return await self._processed({**scope, "method": "GET"}, b"")
        return _Reply(200, _json_headers(b"null"), b"null")

    async def _deliver(self, fault: Fault, reply: _Reply, entry: JournalEntry, send: Send) -> None:
        match fault.kind:
            case FaultKind.STATUS:
                text = '{"code":"ServerError","message":"Fault."}' if fault.reply is None else fault.reply
                reply = _made(fault, fault.status, text, b"application/json")
            case FaultKind.HTML:
                reply = _made(fault, fault.status, _HTML if fault.reply is None else fault.reply, b"text/html")
            case FaultKind.NOT_JSON:
                reply = _made(
                    fault, 200, "{this is not JSON" if fault.reply is None else fault.reply, b"application/json"
                )
            case FaultKind.SPOILED:
                reply = _made(fault, reply.status, _spoiled(fault, reply.body), b"application/json")
            case _:
                pass
        entry.status = reply.status
        if fault.kind is FaultKind.SLOW and fault.written:
            await fault.wait_until_released()
        await reply.send(send)


async def _cut(fault: Fault, reply: _Reply, scope: Scope, receive: Receive, send: Send) -> None:
    if fault.kind is FaultKind.TRUNCATED:
        await reply.start(send)
        half = reply.body[: len(reply.body) // 2]
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


def _made(fault: Fault, status: int, text: str, content_type: bytes) -> _Reply:
    body = text.encode()
    headers = [(name.lower().encode(), value.encode()) for name, value in fault.headers.items()]
    headers += [(b"content-type", content_type), (b"content-length", str(len(body)).encode())]
    return _Reply(status, headers, body)


def _spoiled(fault: Fault, body: bytes) -> str:
    document = cast("list[Record] | Record", loads(body))
    for record in document if isinstance(document, list) else [document]:
        if fault.record in {None, record.get("id")}:
            record.update(fault.members)
    return dumps(document).decode()


def _json_headers(body: bytes) -> list[tuple[bytes, bytes]]:
    return [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
