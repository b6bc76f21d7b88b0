"""A small TLS server that knows a company, and breaks the connection in the way a test asks for."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from typing import TYPE_CHECKING, Self

import pytest

from cw_pipeline.https.failures import Failure

if TYPE_CHECKING:
    import trustme

INFO = b'{"Codebase": "v4_6_release/"}'
GOOD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
CUT = b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"id": 9, "quantity": 12'
CUT_CHUNKED = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1f4\r\n{"id": 9'
LINE_WITHOUT_END = b'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{"id": 9, "quantity": 12'

BREAKS = pytest.mark.parametrize(
    ("answer", "reset"),
    [
        pytest.param(b"", True, id="reset before any answer"),
        pytest.param(b"", False, id="closed before any answer"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Le", True, id="reset within the head"),
        pytest.param(CUT, True, id="reset within the body"),
        pytest.param(CUT, False, id="closed within the body"),
        pytest.param(CUT_CHUNKED, False, id="closed within a chunk"),
        pytest.param(LINE_WITHOUT_END, False, id="closed within a body of unknown length"),
    ],
)
"""What the server answers, and whether it resets the connection then."""
BROKEN_OFF = f"{Failure.CONNECTION_LOST}|{Failure.CUT_SHORT}|{Failure.UNREADABLE}"
"""How a client may see that."""


class BreakingServer:
    """Knows the company; answers every request to the API with the bytes `answer`, then breaks the connection."""

    def __init__(self, authority: trustme.CA) -> None:
        self.answer = b""
        self.reset = False
        self.silent = False
        self.requests: list[str] = []
        self.headers: list[str] = []
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        certificate = authority.issue_cert("localhost", "psa.example.com")
        certificate.configure_cert(self._context)  # pyright: ignore[reportUnknownMemberType]  (partly typed library)
        self._listener = socket.create_server(("localhost", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                raw, _ = self._listener.accept()
            except OSError:
                return
            with raw, contextlib.suppress(OSError), self._context.wrap_socket(raw, server_side=True) as connection:
                self._answer(connection)

    def _answer(self, connection: ssl.SSLSocket) -> None:
        while head := self._head(connection):
            if "/login/companyinfo/" in head:
                connection.sendall(GOOD % (len(INFO), INFO))
                continue
            self.requests.append(head)
            if self.silent:
                connection.recv(1)  # returns when the client has had enough
                return
            connection.sendall(self.answer)
            if self.reset:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return

    def _head(self, connection: ssl.SSLSocket) -> str:
        received = b""
        while b"\r\n\r\n" not in received:
            part = connection.recv(65536)
            if not part:
                return ""
            received += part
        head, _, body = received.partition(b"\r\n\r\n")
        lengths = [
            int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
        ]
        while lengths and len(body) < lengths[0]:
            body += connection.recv(65536)
        request, *self.headers = head.decode().split("\r\n")
        return request
