"""The server's side: one answer after the other, with latency, limits and faults as told."""

import asyncio
import json
import re
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import cast
from urllib.parse import parse_qsl, urlsplit

from benchmarks.fake.records import NEXT_INVOICE, Record, Records

CODEBASE = "v4_6_release/"
_MINUTE = 60
_LINE = re.compile(r"/finance/agreements/(\d+)/additions(?:/(\d+))?")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
REFUSED, FAILED, LOST = "refused with 429", "carried out, then answered with 500", "carried out, and the answer lost"


@dataclass(frozen=True)
class Behaviour:
    """How requests are answered.

    Attributes:
        latency: Seconds until an answer is sent.
        empty_last_page: Whether every page with records names a next one, so that each list ends with an empty page.
        requests_per_minute: Above it, 429; None: no limit.
        faults: What happens to the POST requests with these numbers, counted from 1: REFUSED, FAILED or LOST.
        next_invoice: The first day of each agreement's next invoice.
    """

    latency: float = 0.0
    empty_last_page: bool = False
    requests_per_minute: int | None = None
    faults: Mapping[int, str] = field(default_factory=dict[int, str])
    next_invoice: str = NEXT_INVOICE


@dataclass(frozen=True)
class Reply:
    """An answer; `headers` are whole lines."""

    status: int
    document: object
    headers: str = ""

    def encoded(self) -> bytes:
        """What goes over the wire."""
        body = json.dumps(self.document).encode()
        head = f"HTTP/1.1 {self.status} -\r\n{self.headers}Content-Type: application/json\r\n"
        return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


class Service:
    """Answers requests, and counts them by method and status; a lost answer has the status 0."""

    def __init__(self, customers: int) -> None:
        self.records = Records(customers)
        self.behave(Behaviour())

    def behave(self, behaviour: Behaviour) -> None:
        """Behave so from now on, and count anew."""
        self.behaviour = behaviour
        self.counted = Counter[tuple[str, int]]()
        self._posts = 0
        self._recent = deque[float]()
        self.records.invoice_next_on(behaviour.next_invoice)

    def respond(self, method: str, target: str, body: bytes) -> Reply | None:
        """The answer to a request; None where it is lost."""
        self._posts += method == "POST"
        fault = self.behaviour.faults.get(self._posts) if method == "POST" else None
        reply = _too_many_requests(1) if fault == REFUSED else self._limit() or self._answer(method, target, body)
        if fault == FAILED:
            reply = Reply(500, {"code": "ServerError", "message": "An error has occurred."})
        if fault == LOST:
            self.counted[method, 0] += 1
            return None
        self.counted[method, reply.status] += 1
        return reply

    def _limit(self) -> Reply | None:
        most, now = self.behaviour.requests_per_minute, monotonic()
        if most is None:
            return None
        while self._recent and self._recent[0] <= now - _MINUTE:
            self._recent.popleft()
        if len(self._recent) < most:
            self._recent.append(now)
            return None
        return _too_many_requests(int(self._recent[0] + _MINUTE - now) + 1)

    def _answer(self, method: str, target: str, body: bytes) -> Reply:
        address = urlsplit(target)
        if address.path.startswith("/login/companyinfo/"):
            return Reply(200, {"Codebase": CODEBASE, "CompanyName": "Bench", "IsCloud": False})
        path = address.path.partition("/apis/3.0")[2]
        if method == "GET":
            return self._found(path, dict(parse_qsl(address.query)))
        line = _LINE.fullmatch(path)
        if line is None:
            return _nothing_here()
        if method == "POST":
            return Reply(201, self.records.create_line(int(line[1]), cast("Record", json.loads(body))))
        changes = cast("list[Record]", json.loads(body))
        return Reply(200, self.records.change_line(int(line[1]), int(line[2]), changes))

    def _found(self, path: str, query: Mapping[str, str]) -> Reply:
        found = self.records.answer(path, query)
        if found is None:
            return _nothing_here()
        if not isinstance(found, list):
            return Reply(200, found)
        size = int(query.get("pageSize", "25"))
        if after := int(query.get("pageId", "0")):
            rest = [one for one in found if one["id"] > after]
        else:
            rest = found[(int(query.get("page", "1")) - 1) * size :]
        page = rest[:size]
        more = len(rest) > size or (self.behaviour.empty_last_page and page)
        link = f'Link: <https://bench{path}?pageId={page[-1]["id"]}>; rel="next"\r\n' if more else ""
        return Reply(200, page, link)


def _too_many_requests(seconds: int) -> Reply:
    return Reply(429, {"error": "ConnectWiseAPI", "message": "Too many requests."}, f"Retry-After: {seconds}\r\n")


def _nothing_here() -> Reply:
    return Reply(404, {"code": "NotFound", "message": "There is nothing here."})


class Connection(asyncio.Protocol):
    """One client's connection; a client waits for each answer before its next request."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Take a request, or a part of one."""
        self._received += data
        head, complete, body = self._received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not complete or (length is not None and len(body) < int(length[1])):
            return
        self._received = b""
        method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
        reply = self._service.respond(method, target, body)
        asyncio.get_running_loop().call_later(self._service.behaviour.latency, self._send, reply)

    def _send(self, reply: Reply | None) -> None:
        if self._transport is not None and reply is not None:
            self._transport.write(reply.encoded())
        elif self._transport is not None:
            self._transport.abort()
