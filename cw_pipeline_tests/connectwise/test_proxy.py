"""A site behind the proxy of the environment: a real CONNECT proxy, before a server that breaks the connection."""

from __future__ import annotations

import contextlib
import dataclasses
import socket
import threading
from decimal import Decimal
from typing import TYPE_CHECKING, Self

import pytest

from cw_pipeline.connectwise import errors
from cw_pipeline.connectwise.client import ConnectWiseClient
from cw_pipeline.connectwise.retry_rules import MAX_ATTEMPTS
from cw_pipeline_tests.connectwise.breaking_server import BREAKS, BROKEN_OFF, GOOD, BreakingServer
from cw_pipeline_tests.connectwise.conftest import CREDENTIALS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import trustme

    from cw_pipeline_tests.support.fake_time import FakeTime


class Proxy:
    """Answers every CONNECT with `answer`; if that is a success, all that follows goes to `port` and back."""

    def __init__(self, port: int) -> None:
        self.answer = b"HTTP/1.1 200 Connection established\r\n\r\n"
        self.asked: list[bytes] = []
        self._port = port
        self._listener = socket.create_server(("localhost", 0))
        self.url = f"http://someone:password@localhost:{self._listener.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._serve)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._tunnel, args=(client,))
            self._threads.append(thread)
            thread.start()

    def _tunnel(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            self.asked.append(client.recv(65536))
            client.sendall(self.answer)
            if b" 200 " not in self.answer:
                return
            with socket.create_connection(("localhost", self._port)) as server:
                forth = threading.Thread(target=_copy, args=(client, server))
                forth.start()
                _copy(server, client)
                forth.join()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    """Copy until one of the two ends, and end both."""
    with contextlib.suppress(OSError):
        while part := source.recv(65536):
            sink.sendall(part)
    for end in (source, sink):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def proxy(server: BreakingServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    with Proxy(server.port) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", "")
        yield proxy


@pytest.fixture
def client(proxy: Proxy, authority: trustme.CA, time: FakeTime, tmp_path: Path) -> Iterator[ConnectWiseClient]:
    assert proxy.asked == []
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    credentials = dataclasses.replace(CREDENTIALS, ca_bundle=tmp_path / "ca.pem")
    with ConnectWiseClient(credentials, sleep=time.sleep, clock=time.clock) as client:
        yield client


def test_a_site_is_reached_through_the_proxy_which_sees_no_key(
    proxy: Proxy, server: BreakingServer, client: ConnectWiseClient
) -> None:
    server.answer = GOOD % (12, b'{"count": 3}')
    assert client.company_count() == 3
    assert all(request.startswith(b"CONNECT psa.example.com:443 ") for request in proxy.asked)
    assert not [request for request in proxy.asked if b"clientId" in request or b"\r\nAuthorization" in request]


@BREAKS
def test_a_write_through_the_tunnel_is_sent_once_and_uncertain(
    server: BreakingServer, client: ConnectWiseClient, answer: bytes, *, reset: bool
) -> None:
    server.answer, server.reset = answer, reset
    with pytest.raises(errors.UncertainWrite):
        client.set_quantity(7, 9, Decimal(12))
    assert server.requests == ["PATCH /v4_6_release/apis/3.0/finance/agreements/7/additions/9 HTTP/1.1"]
    assert client.requests.written == 1


@BREAKS
def test_a_read_that_went_through_the_tunnel_is_sent_again(
    server: BreakingServer, client: ConnectWiseClient, answer: bytes, *, reset: bool
) -> None:
    server.answer, server.reset = answer, reset
    with pytest.raises(errors.ReadFailed, match=BROKEN_OFF):
        client.addition(7, 9)
    assert len(server.requests) == MAX_ATTEMPTS


@pytest.mark.parametrize("status", [b"403 Forbidden", b"407 Proxy Authentication Required", b"503 Unavailable"])
def test_a_refusing_proxy_is_named_and_nothing_is_sent(
    proxy: Proxy, server: BreakingServer, client: ConnectWiseClient, status: bytes
) -> None:
    server.answer = b""
    client.company_info()
    with pytest.raises(errors.UncertainWrite):  # the connection broke, so that the next request asks for a new tunnel
        client.set_quantity(7, 9, Decimal(12))
    proxy.answer = b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n"
    with pytest.raises(errors.Unreachable, match=r"the proxy refused to connect to it.* Nothing was sent.*HTTPS_PROXY"):
        client.set_quantity(7, 9, Decimal(11))
    assert len(server.requests) == client.requests.written == 1


@pytest.mark.parametrize("address", ["http://localhost:{port}", "http://proxy.invalid:8080"])
def test_a_missing_proxy_is_named_and_nothing_is_sent(
    time: FakeTime, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    with socket.create_server(("localhost", 0)) as taken:
        port = taken.getsockname()[1]
    monkeypatch.setenv("HTTPS_PROXY", address.format(port=port))
    monkeypatch.setenv("NO_PROXY", "")
    with (
        ConnectWiseClient(CREDENTIALS, sleep=time.sleep, clock=time.clock) as client,
        pytest.raises(errors.Unreachable, match="HTTPS_PROXY"),
    ):
        client.company_count()
    assert client.requests.read == 0
    assert len(time.sleeps) == MAX_ATTEMPTS - 1
