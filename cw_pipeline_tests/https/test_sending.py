"""One attempt with its bounds, and how often and after how long attempts are repeated."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
import responses
import urllib3

from cw_pipeline.https.failures import AttemptError, Failure
from cw_pipeline.https.sending import LONGEST_REFUSAL, Bounds, RawReply, Server, repeat

if TYPE_CHECKING:
    from collections.abc import Iterator

URL = "https://server.example.com/things"
BOUNDS = Bounds(connect_seconds=1, read_seconds=1, body_seconds=5, body_bytes=200_000)


@pytest.fixture
def server() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        yield mock


def attempt() -> RawReply:
    return Server(URL, ca_bundle=None, bounds=BOUNDS).send_once("GET", URL)


def failure() -> AttemptError:
    with pytest.raises(AttemptError) as raised:
        attempt()
    return raised.value


def test_a_body_as_long_as_allowed_is_read_whole(server: responses.RequestsMock) -> None:
    server.get(URL, body=b"x" * 200_000, headers={"Link": "next"})
    reply = attempt()
    assert (reply.status, len(reply.body), reply.headers["link"]) == (200, 200_000, "next")


def test_a_longer_body_is_too_large_and_is_dropped(server: responses.RequestsMock) -> None:
    server.get(URL, body=b"x" * 200_001)
    error = failure()
    assert (error.failure, error.status, error.body) == (Failure.TOO_LARGE, 200, b"")


def test_of_a_long_refusal_the_beginning_is_kept(server: responses.RequestsMock) -> None:
    server.get(URL, status=404, body=b"No such thing." + b"x" * 1_000_000)
    error = failure()
    assert (error.failure, error.status, error.body[:14]) == (Failure.REFUSED, 404, b"No such thing.")
    assert len(error.body) <= 2 * LONGEST_REFUSAL


def test_a_refusal_whose_body_breaks_off_is_still_that_refusal(
    server: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_off(*_: object, **__: object) -> bytes:
        raise urllib3.exceptions.ProtocolError

    monkeypatch.setattr(urllib3.HTTPResponse, "read1", break_off)
    server.get(URL, status=429, headers={"Retry-After": "7"})
    error = failure()
    assert (error.failure, error.status, error.retry_after, error.body) == (Failure.TOO_MANY_REQUESTS, 429, 7, b"")


def test_a_proxy_with_its_password_is_in_no_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://someone:s3cret@proxy.example.com")
    monkeypatch.setenv("NO_PROXY", "")
    server = Server(URL, ca_bundle=None, bounds=BOUNDS)
    assert server.proxies["https"] == "http://someone:s3cret@proxy.example.com"
    assert "s3cret" not in repr(vars(server))


@pytest.mark.parametrize("origin", ["https://localhost:8443", "https://127.0.0.2", "https://[::1]:8443"])
def test_no_proxy_is_used_for_this_machine(monkeypatch: pytest.MonkeyPatch, origin: str) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.com")
    monkeypatch.setenv("NO_PROXY", "")
    assert Server(origin, ca_bundle=None, bounds=BOUNDS).proxies == {}


def repeated(*failures: AttemptError) -> tuple[int, list[float]]:
    """How often it was called, and how long it slept between."""
    left, waits = list(failures), list[float]()

    def fail() -> None:
        if left:
            raise left.pop(0)

    with suppress(AttemptError):
        repeat(
            fail,
            again=lambda error: error.failure is Failure.SERVER_ERROR,
            attempts=4,
            longest_wait=10,
            sleep=waits.append,
        )
    return len(failures) - len(left), waits


def server_error(asked: str = "") -> AttemptError:
    return AttemptError(Failure.SERVER_ERROR, 503, {"Retry-After": asked})


def test_a_failure_that_the_client_does_not_name_is_not_repeated() -> None:
    assert repeated(AttemptError(Failure.CUT_SHORT), server_error()) == (1, [])


def test_attempts_are_repeated_until_one_succeeds_or_none_is_left() -> None:
    assert len(repeated(server_error(), server_error())[1]) == 2
    assert repeated(*[server_error("1")] * 9) == (4, [1, 1, 1])


def test_the_last_failure_is_raised() -> None:
    failures = [server_error("1"), server_error("2")]
    left = list(failures)

    def fail() -> None:
        raise left.pop(0)

    with pytest.raises(AttemptError) as raised:
        repeat(fail, again=lambda _error: True, attempts=2, longest_wait=10, sleep=lambda _seconds: None)
    assert raised.value is failures[1]


def test_waits_are_as_the_server_asks_up_to_the_longest() -> None:
    assert repeated(server_error("7"), server_error("3600"))[1] == [7, 10]


@pytest.mark.parametrize("asked", ["", "0", "soon", "9" * 5000])
def test_waits_grow_where_the_server_asks_for_none_that_makes_sense(asked: str) -> None:
    first, second, third = repeated(*[server_error(asked)] * 4)[1]
    assert 0.1 <= first <= 0.5
    assert 0.1 <= second <= 1
    assert 0.1 <= third <= 2
