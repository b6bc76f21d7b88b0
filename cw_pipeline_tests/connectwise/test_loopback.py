"""Failures of a real connection, from a small TLS server that breaks it in the way a test asks for."""

from __future__ import annotations

import dataclasses
import socket
import threading
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from cw_pipeline.connectwise import errors
from cw_pipeline.connectwise.client import ConnectWiseClient, Credentials
from cw_pipeline.connectwise.retry_rules import MAX_ATTEMPTS
from cw_pipeline.https.failures import Failure
from cw_pipeline_tests.connectwise.breaking_server import BREAKS, BROKEN_OFF, GOOD, BreakingServer
from cw_pipeline_tests.connectwise.conftest import CREDENTIALS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import trustme

    from cw_pipeline_tests.support.fake_time import FakeTime


@pytest.fixture
def credentials(server: BreakingServer, authority: trustme.CA, tmp_path: Path) -> Credentials:
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    return dataclasses.replace(CREDENTIALS, site_url=f"https://localhost:{server.port}", ca_bundle=bundle)


@pytest.fixture
def client(credentials: Credentials, time: FakeTime) -> Iterator[ConnectWiseClient]:
    with ConnectWiseClient(credentials, sleep=time.sleep, clock=time.clock) as client:
        yield client


@BREAKS
def test_a_write_over_a_broken_connection_is_sent_once_and_uncertain(
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
    with pytest.raises(errors.ReadFailed, match=BROKEN_OFF):
        client.addition(7, 9)
    assert len(server.requests) == MAX_ATTEMPTS
    assert client.requests.read == MAX_ATTEMPTS + 1


def test_an_untrusted_certificate_is_named_before_anything_is_sent(server: BreakingServer, time: FakeTime) -> None:
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


def test_a_plain_http_port_is_reported_as_not_https(time: FakeTime) -> None:
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
            pytest.raises(errors.WrongAddress, match="HTTPS"),
        ):
            client.company_count()
        thread.join()


@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_a_timeout_fails_a_read_and_leaves_a_write_uncertain(
    server: BreakingServer, credentials: Credentials, time: FakeTime, method: str
) -> None:
    server.silent = True
    with ConnectWiseClient(credentials, sleep=time.sleep, clock=time.clock, read_timeout=0.05) as client:
        if method == "GET":
            with pytest.raises(errors.ReadFailed, match=Failure.READ_TIMEOUT):
                client.addition(7, 9)
        else:
            with pytest.raises(errors.UncertainWrite):
                client.set_quantity(7, 9, Decimal(12))
    assert len(server.requests) == (MAX_ATTEMPTS if method == "GET" else 1)


def test_netrc_and_proxy_settings_do_not_affect_a_local_site(
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
