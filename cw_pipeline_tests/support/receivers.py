"""Where messages and pings arrive: a web hook, a mail server and an HTTPS server on this machine."""

from __future__ import annotations

import json
import socket
import ssl
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any, TypeVar, cast

import trustme
from aiosmtpd.controller import Controller

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable
    from pathlib import Path

    from aiosmtpd.smtp import Envelope

ServerT = TypeVar("ServerT", bound=ThreadingHTTPServer)


class WebHook(ThreadingHTTPServer):
    """Keeps the JSON documents that are posted to it; the first `refusals` are answered with 503."""

    def __init__(self, refusals: int = 0) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.messages: list[dict[str, Any]] = []
        self.refusals = refusals

    @property
    def address(self) -> str:
        """The address as apprise takes it, with a secret in it."""
        return f"json://127.0.0.1:{self.server_port}/hook/top-secret-token"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        hook = cast("WebHook", self.server)
        document = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if hook.refusals > 0:
            hook.refusals -= 1
            self.send_error(503)
            return
        hook.messages.append(document)
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Nothing is logged."""


@contextmanager
def _serving(server: ServerT) -> Generator[ServerT]:
    """The server, at work in a thread of its own until the block ends."""
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def web_hook(refusals: int = 0) -> Generator[WebHook]:
    """A web hook that takes messages, all but the first `refusals`."""
    with _serving(WebHook(refusals)) as server:
        yield server


class MailServer:
    """Keeps the mail that is sent to it."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.mail: list[Envelope] = []

    async def handle_DATA(self, _server: object, _session: object, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Take a mail."""
        self.mail.append(envelope)
        return "250 OK"


@contextmanager
def mail_server() -> Generator[MailServer]:
    """A mail server without encryption or accounts."""
    server = MailServer()
    controller = Controller(server, hostname="127.0.0.1", port=server.port)
    controller.start()
    try:
        yield server
    finally:
        controller.stop()


class PingServer(ThreadingHTTPServer):
    """Keeps the paths that are requested; answers with `statuses` in turn, and then with 200."""

    def __init__(self, statuses: Iterable[int]) -> None:
        super().__init__(("127.0.0.1", 0), _PingHandler)
        self.pings: list[str] = []
        self.statuses = list(statuses)
        self.authority = trustme.CA()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert("localhost").configure_cert(context)  # pyright: ignore[reportUnknownMemberType] - its own annotation
        self.socket = context.wrap_socket(self.socket, server_side=True)

    @property
    def address(self) -> str:
        """The address, with a secret in it."""
        return f"https://localhost:{self.server_port}/ping/top-secret-token"

    def write_authority(self, file: Path) -> Path:
        """The certificate authority to trust, in this file."""
        self.authority.cert_pem.write_to_path(str(file))
        return file


class _PingHandler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server = cast("PingServer", self.server)
        server.pings.append(self.path)
        status = server.statuses.pop(0) if server.statuses else 200
        self.send_response(status)
        if status // 100 == 3:
            self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Nothing is logged."""


@contextmanager
def ping_server(*statuses: int) -> Generator[PingServer]:
    """A server that takes pings, and answers the first with these statuses."""
    with _serving(PingServer(statuses)) as server:
        yield server
