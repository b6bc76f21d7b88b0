"""Where messages arrive: a web hook and a mail server on this machine."""

from __future__ import annotations

import json
import socket
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any, cast

from aiosmtpd.controller import Controller

if TYPE_CHECKING:
    from collections.abc import Generator

    from aiosmtpd.smtp import Envelope


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
def web_hook(refusals: int = 0) -> Generator[WebHook]:
    """A web hook that takes messages, all but the first `refusals`."""
    server = WebHook(refusals)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


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
