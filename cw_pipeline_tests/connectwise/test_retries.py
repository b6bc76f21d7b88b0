"""Which requests are sent again: every row of the table, seen from outside."""

from __future__ import annotations

import socket
import ssl
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
import requests
import urllib3
from urllib3.connection import HTTPSConnection
from urllib3.connectionpool import HTTPSConnectionPool

from cw_pipeline.connectwise import errors, http
from cw_pipeline.connectwise.retry_rules import MAX_ATTEMPTS, RULES, Method, is_sent_again
from cw_pipeline.https.failures import Failure
from cw_pipeline_tests.connectwise.conftest import API, addition, api_calls

if TYPE_CHECKING:
    import responses

    from cw_pipeline.connectwise.client import ConnectWiseClient
    from cw_pipeline_tests.support.fake_time import FakeTime

POOL = HTTPSConnectionPool("psa.example.com")
CONNECTION = HTTPSConnection("psa.example.com")
WRITES: tuple[Method, ...] = ("POST", "PATCH")


def wrapped(reason: Exception) -> urllib3.exceptions.MaxRetryError:
    return urllib3.exceptions.MaxRetryError(POOL, "/", reason)


def ssl_error(reason: Exception) -> requests.exceptions.SSLError:
    return requests.exceptions.SSLError(wrapped(urllib3.exceptions.SSLError(reason)))


# How each failure looks to the client: an exception of the HTTP library, or an answer.
SEEN_AS: dict[Failure, Exception | dict[str, object]] = {
    Failure.NAME_NOT_RESOLVED: requests.ConnectionError(
        wrapped(urllib3.exceptions.NameResolutionError("psa.example.com", CONNECTION, socket.gaierror()))
    ),
    Failure.CONNECTION_REFUSED: requests.ConnectionError(
        wrapped(urllib3.exceptions.NewConnectionError(CONNECTION, "refused"))
    ),
    Failure.CONNECT_TIMEOUT: requests.ConnectTimeout(
        wrapped(urllib3.exceptions.ConnectTimeoutError(CONNECTION, "slow"))
    ),
    Failure.TUNNEL_REFUSED: requests.exceptions.ProxyError(
        wrapped(urllib3.exceptions.ProxyError("no proxy", OSError("Tunnel connection failed: 407 Unknown")))
    ),
    Failure.UNTRUSTED_CERTIFICATE: ssl_error(ssl.SSLCertVerificationError("self-signed certificate")),
    Failure.TLS_FAILURE: ssl_error(ssl.SSLError("wrong version number")),
    Failure.CONNECTION_LOST: requests.ConnectionError(
        urllib3.exceptions.ProtocolError("Connection aborted.", ConnectionResetError(104, "reset by peer"))
    ),
    Failure.READ_TIMEOUT: requests.ReadTimeout(urllib3.exceptions.ReadTimeoutError(POOL, "/", "read timed out")),
    Failure.CUT_SHORT: requests.exceptions.ChunkedEncodingError(
        urllib3.exceptions.ProtocolError("broken", urllib3.exceptions.IncompleteRead(10, 90))
    ),
    Failure.UNREADABLE: {"status": 200, "body": "<html>Sign in to the proxy</html>"},
    Failure.TOO_LARGE: {"status": 200, "body": b" " * 2000},
    Failure.REDIRECTED: {"status": 302, "headers": {"Location": "https://elsewhere.example.com/"}},
    Failure.REQUEST_TIMEOUT: {"status": 408},
    Failure.TOO_MANY_REQUESTS: {"status": 429},
    Failure.SERVER_ERROR: {"status": 503},
    Failure.REFUSED: {"status": 400},
}
GET_AGAIN = {
    Failure.NAME_NOT_RESOLVED,
    Failure.CONNECTION_REFUSED,
    Failure.CONNECT_TIMEOUT,
    Failure.TUNNEL_REFUSED,
    Failure.CONNECTION_LOST,
    Failure.READ_TIMEOUT,
    Failure.CUT_SHORT,
    Failure.UNREADABLE,
    Failure.REQUEST_TIMEOUT,
    Failure.TOO_MANY_REQUESTS,
    Failure.SERVER_ERROR,
}
WRITE_AGAIN = {
    Failure.NAME_NOT_RESOLVED,
    Failure.CONNECTION_REFUSED,
    Failure.CONNECT_TIMEOUT,
    Failure.TUNNEL_REFUSED,
    Failure.TOO_MANY_REQUESTS,
}
NOTHING_WRITTEN: dict[Failure, type[errors.ConnectWiseError]] = {
    Failure.NAME_NOT_RESOLVED: errors.Unreachable,
    Failure.CONNECTION_REFUSED: errors.Unreachable,
    Failure.CONNECT_TIMEOUT: errors.Unreachable,
    Failure.TUNNEL_REFUSED: errors.Unreachable,
    Failure.UNTRUSTED_CERTIFICATE: errors.UntrustedCertificate,
    Failure.TOO_MANY_REQUESTS: errors.RateLimited,
    Failure.REFUSED: errors.Refused,
}
AFTER_A_GET: dict[Failure, type[errors.ConnectWiseError]] = NOTHING_WRITTEN | {
    Failure.TLS_FAILURE: errors.WrongAddress,
    Failure.CONNECTION_LOST: errors.ReadFailed,
    Failure.READ_TIMEOUT: errors.ReadFailed,
    Failure.CUT_SHORT: errors.UnreadableReply,
    Failure.UNREADABLE: errors.UnreadableReply,
    Failure.TOO_LARGE: errors.ContractBroken,
    Failure.REDIRECTED: errors.WrongAddress,
    Failure.REQUEST_TIMEOUT: errors.ReadFailed,
    Failure.SERVER_ERROR: errors.ReadFailed,
}


def let_fail(site: responses.RequestsMock, method: Method, failure: Failure) -> None:
    url = f"{API}/finance/agreements/7/additions/9"
    seen = SEEN_AS[failure]
    if isinstance(seen, Exception):
        site.add(method, url, body=seen)
    else:
        site.add(method, url, **seen)  # pyright: ignore[reportArgumentType]  (the answers above, as keywords)


def call(client: ConnectWiseClient, method: Method) -> None:
    client._http.request(method, "/finance/agreements/7/additions/9", body=None if method == "GET" else [])


@pytest.fixture(autouse=True)
def _short_replies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "LONGEST_REPLY", 1000)


@pytest.mark.parametrize("failure", RULES)
def test_a_get_is_retried_exactly_after_the_listed_failures(
    site: responses.RequestsMock, client: ConnectWiseClient, failure: Failure
) -> None:
    let_fail(site, "GET", failure)
    with pytest.raises(AFTER_A_GET[failure]) as raised:
        call(client, "GET")
    assert type(raised.value) is AFTER_A_GET[failure]
    assert f": {failure}" in str(raised.value)
    assert len(api_calls(site)) == (MAX_ATTEMPTS if failure in GET_AGAIN else 1)


@pytest.mark.parametrize("failure", RULES)
@pytest.mark.parametrize("method", WRITES)
def test_a_write_is_repeated_only_if_nothing_was_processed(
    site: responses.RequestsMock, client: ConnectWiseClient, method: Method, failure: Failure
) -> None:
    let_fail(site, method, failure)
    expected = NOTHING_WRITTEN.get(failure, errors.UncertainWrite)
    with pytest.raises(expected) as raised:
        call(client, method)
    assert type(raised.value) is expected
    assert f": {failure}" in str(raised.value)
    assert len(api_calls(site)) == (MAX_ATTEMPTS if failure in WRITE_AGAIN else 1)


def test_no_retry_rule_repeats_a_write_that_may_be_done() -> None:
    assert set(RULES) == set(Failure)
    uncertain = [failure for failure, rule in RULES.items() if rule.maybe_done]
    assert not [failure for failure in uncertain for method in WRITES if is_sent_again(method, failure)]


@pytest.mark.parametrize("method", WRITES)
def test_a_write_goes_through_once_after_rate_limiting(
    site: responses.RequestsMock, client: ConnectWiseClient, time: FakeTime, method: Method
) -> None:
    url = f"{API}/finance/agreements/7/additions/9"
    site.add(method, url, status=429, headers={"Retry-After": "7"})
    site.add(method, url, json=addition(9))
    call(client, method)
    assert time.sleeps == [7.0]
    assert client.requests == http.RequestCount(read=1, written=2)


def test_a_caller_may_end_a_write_before_any_of_its_attempts(
    site: responses.RequestsMock, client: ConnectWiseClient
) -> None:
    answered = site.patch(f"{API}/finance/agreements/7/additions/9", status=429, headers={"Retry-After": "7"})
    asked: list[int] = []

    def ask() -> None:
        asked.append(answered.call_count)
        if len(asked) == 3:
            raise InterruptedError

    with pytest.raises(InterruptedError), client.asking_before_writes(ask):
        client.set_quantity(7, 9, Decimal(12))
    assert asked == [0, 1, 2]
    assert answered.call_count == 2


def test_requests_that_never_left_are_not_counted(site: responses.RequestsMock, client: ConnectWiseClient) -> None:
    let_fail(site, "PATCH", Failure.CONNECTION_REFUSED)
    with pytest.raises(errors.Unreachable):
        call(client, "PATCH")
    assert client.requests == http.RequestCount(read=1, written=0)


def test_an_uncertain_write_is_counted(site: responses.RequestsMock, client: ConnectWiseClient) -> None:
    let_fail(site, "POST", Failure.CONNECTION_LOST)
    with pytest.raises(errors.UncertainWrite):
        call(client, "POST")
    assert client.requests.written == 1


def test_waits_grow_and_stay_bounded_where_connectwise_names_none(
    site: responses.RequestsMock, client: ConnectWiseClient, time: FakeTime
) -> None:
    let_fail(site, "GET", Failure.SERVER_ERROR)
    with pytest.raises(errors.ReadFailed):
        call(client, "GET")
    assert len(time.sleeps) == MAX_ATTEMPTS - 1
    assert all(0 <= slept <= 0.5 * 2**number for number, slept in enumerate(time.sleeps))


def test_a_longer_wait_than_a_minute_is_cut_to_a_minute(
    site: responses.RequestsMock, client: ConnectWiseClient, time: FakeTime
) -> None:
    site.get(f"{API}/company/companies/count", status=429, headers={"Retry-After": "3600"})
    with pytest.raises(errors.RateLimited):
        client.company_count()
    assert time.sleeps == [60.0] * (MAX_ATTEMPTS - 1)


@pytest.mark.usefixtures("site")
def test_a_reply_that_trickles_for_too_long_is_given_up(
    client: ConnectWiseClient, time: FakeTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def trickle(*_: object, **__: object) -> bytes:
        time.now += http.LONGEST_DOWNLOAD + 1
        return b"{"

    monkeypatch.setattr(urllib3.HTTPResponse, "read1", trickle)
    with pytest.raises(errors.ReadFailed, match=Failure.READ_TIMEOUT):
        client.company_info()
