"""A real server over TLS that answers as a test tells it to: only a real connection can break."""

import json
import ssl
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self, cast

import trustme

from cw_pipeline_tests.nordpass.replies import organization

Script = list[Callable[["Handler"], None]]


class Handler(BaseHTTPRequestHandler):
    """Answers the nth request with the server's nth act."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.scripted.seen.append(dict(self.headers))
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.scripted.script.pop(0)(self)

    def do_POST(self) -> None:
        self.do_GET()

    @property
    def scripted(self) -> "Server":
        return cast("Server", self.server)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Keep the tests' output clean."""

    def answer(self, body: bytes, *, length: int | None = None) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, authority: trustme.CA) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost").configure_cert(context)  # pyright: ignore[reportUnknownMemberType] - it takes pyOpenSSL's too
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.script: Script = []
        self.seen: list[dict[str, str]] = []
        self.done = threading.Event()
        self.thread = threading.Thread(target=self.serve_forever, args=(0.01,))

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.done.set()
        self.shutdown()
        self.thread.join()
        self.server_close()

    @property
    def url(self) -> str:
        return f"https://localhost:{self.server_port}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A broken connection is what these tests are about."""


def drop(handler: Handler) -> None:
    handler.close_connection = True
    handler.connection.close()


def hang(handler: Handler) -> None:
    handler.scripted.done.wait(30)
    handler.close_connection = True


def answer_empty(handler: Handler) -> None:
    handler.answer(b'{"items": [], "next_cursor": null}')


def answer_added(handler: Handler) -> None:
    handler.answer(json.dumps(organization()).encode())


def cut_short(handler: Handler) -> None:
    handler.answer(b'{"items": [', length=500)
    handler.close_connection = True
