"""Failures of a real connection, from a small TLS server that breaks it in the way a test asks for."""

from __future__ import annotations

import contextlib
import dataclasses
import socket
import ssl
import struct
import threading
from decimal import Decimal
from typing import TYPE_CHECKING, Self

import pytest
import trustme

from cw_pipeline.connectwise import errors
from cw_pipeline.connectwise.client import ConnectWiseClient, Credentials
from cw_pipeline.connectwise.retries import MAX_ATTEMPTS
from cw_pipeline_tests.connectwise.conftest import CREDENTIALS, FakeTime

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

INFO = b'{"Codebase": "v4_6_release/"}'
GOOD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
CUT = b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"id": 9, "quantity": 12'
CUT_CHUNKED = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1f4\r\n{"id": 9'
LINE_WITHOUT_END = b'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{"id": 9, "quantity": 12'


class BreakingServer:
    """Knows the company; answers every request to the API with the bytes `answer`, then breaks the connection."""

    def __init__(self, authority: trustme.CA) -> None:
        self.answer = b""
        self.reset = False
        self.silent = False
        self.requests: list[str] = []
        self.headers: list[str] = []
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        certificate = authority.issue_cert("localhost")
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


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def server(authority: trustme.CA) -> Iterator[BreakingServer]:
    with BreakingServer(authority) as server:
        yield server


@pytest.fixture
def credentials(server: BreakingServer, authority: trustme.CA, tmp_path: Path) -> Credentials:
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    return dataclasses.replace(CREDENTIALS, site_url=f"https://localhost:{server.port}", ca_bundle=bundle)


@pytest.fixture
def client(credentials: Credentials, time: FakeTime) -> Iterator[ConnectWiseClient]:
    with ConnectWiseClient(credentials, sleep=time.sleep, clock=time.clock) as client:
        yield client


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


@BREAKS
def test_a_write_over_a_connection_that_breaks_is_sent_once_and_uncertain(
    server: BreakingServer, client: ConnectWiseClient, answer: bytes, *, reset: bool
) -> None:
    server.answer, server.reset = answer, reset
    with pytest.raises(errors.UncertainWrite):
        client.set_quantity(7, 9, Decimal(12))
    assert server.requests == ["PATCH /v4_6_release/apis/3.0/finance/agreements/7/additions/9 HTTP/1.1"]
    assert client.requests.written == 1


@BREAKS
def test_a_read_over_a_connection_that_breaks_is_sent_again(
    server: BreakingServer, client: ConnectWiseClient, answer: bytes, *, reset: bool
) -> None:
    server.answer, server.reset = answer, reset
    with pytest.raises((errors.ConnectionLost, errors.UnreadableReply)):
        client.addition(7, 9)
    assert len(server.requests) == MAX_ATTEMPTS
    assert client.requests.read == MAX_ATTEMPTS + 1


def test_an_authority_that_is_not_trusted_is_said_so_before_anything_is_sent(
    server: BreakingServer, time: FakeTime
) -> None:
    credentials = dataclasses.replace(CREDENTIALS, site_url=f"https://localhost:{server.port}")
    with ConnectWiseClient(credentials, sleep=time.sleep, clock=time.clock) as client:
        with pytest.raises(errors.UntrustedCertificate, match="CONNECTWISE_CA_BUNDLE"):
            client.company_count()
        assert client.requests.read == 0
    assert time.sleeps == []


def test_a_port_where_nobody_listens_is_unreachable(time: FakeTime) -> None:
    with socket.create_server(("localhost", 0)) as taken:
        port = taken.getsockname()[1]
    credentials = dataclasses.replace(CREDENTIALS, site_url=f"https://localhost:{port}")
    with (
        ConnectWiseClient(credentials, sleep=time.sleep, clock=time.clock) as client,
        pytest.raises(errors.Unreachable, match="CONNECTWISE_SITE_URL"),
    ):
        client.company_count()
    assert len(time.sleeps) == MAX_ATTEMPTS - 1


def test_a_name_that_does_not_resolve_is_unreachable(time: FakeTime) -> None:
    credentials = dataclasses.replace(CREDENTIALS, site_url="https://connectwise.invalid")
    with (
        ConnectWiseClient(credentials, sleep=time.sleep, clock=time.clock) as client,
        pytest.raises(errors.Unreachable, match="host name does not resolve"),
    ):
        client.company_count()


def test_a_port_that_speaks_plain_http_is_said_to_be_no_https(time: FakeTime) -> None:
    with socket.create_server(("localhost", 0)) as listener:

        def answer_plainly() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")

        thread = threading.Thread(target=answer_plainly)
        thread.start()
        credentials = dataclasses.replace(CREDENTIALS, site_url=f"https://localhost:{listener.getsockname()[1]}")
        with (
            ConnectWiseClient(credentials, sleep=time.sleep, clock=time.clock) as client,
            pytest.raises(errors.TlsFailed, match="HTTPS"),
        ):
            client.company_count()
        thread.join()


@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_a_site_that_does_not_answer_in_time_leaves_a_read_failed_and_a_write_uncertain(
    server: BreakingServer, credentials: Credentials, time: FakeTime, method: str
) -> None:
    server.silent = True
    with ConnectWiseClient(credentials, sleep=time.sleep, clock=time.clock, read_timeout=0.05) as client:
        if method == "GET":
            with pytest.raises(errors.TimedOut):
                client.addition(7, 9)
        else:
            with pytest.raises(errors.UncertainWrite):
                client.set_quantity(7, 9, Decimal(12))
    assert len(server.requests) == (MAX_ATTEMPTS if method == "GET" else 1)


def test_netrc_authorities_and_proxies_of_the_environment_do_not_touch_a_site_on_this_machine(
    server: BreakingServer, credentials: Credentials, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login someone password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(netrc))
    monkeypatch.setenv("HTTPS_PROXY", "http://localhost:9")
    server.answer = GOOD % (12, b'{"count": 3}')
    with ConnectWiseClient(credentials) as client:
        assert client.company_count() == 3
    assert f"authorization: {credentials.authorization()}" in [line.lower()[:15] + line[15:] for line in server.headers]


def test_another_site_is_reached_through_the_proxy_of_the_environment(
    time: FakeTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bytes] = []
    with socket.create_server(("localhost", 0)) as proxy:

        def refuse() -> None:
            for _ in range(MAX_ATTEMPTS):
                connection, _ = proxy.accept()
                with connection:
                    asked.append(connection.recv(65536))
                    connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=refuse)
        thread.start()
        monkeypatch.setenv("HTTPS_PROXY", f"http://localhost:{proxy.getsockname()[1]}")
        monkeypatch.setenv("NO_PROXY", "")
        with (
            ConnectWiseClient(CREDENTIALS, sleep=time.sleep, clock=time.clock) as client,
            pytest.raises(errors.Unreachable),
        ):
            client.company_count()
        thread.join()
    assert all(request.startswith(b"CONNECT psa.example.com:443 ") for request in asked)
    assert not [request for request in asked if b"clientId" in request or b"uthorization" in request]
