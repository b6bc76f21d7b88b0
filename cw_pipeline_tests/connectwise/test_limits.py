"""A client is polite: so many requests a minute, so many at once, over all of its threads."""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
import responses

from cw_pipeline.connectwise.client import ConnectWiseClient
from cw_pipeline.connectwise.errors import InvalidConfiguration
from cw_pipeline.connectwise.throttle import Throttle
from cw_pipeline_tests.connectwise.conftest import API, CREDENTIALS

if TYPE_CHECKING:
    from requests import PreparedRequest

    from cw_pipeline_tests.support.fake_time import FakeTime

COUNT = f"{API}/company/companies/count"


def test_no_minute_holds_more_requests_than_allowed(time: FakeTime) -> None:
    throttle = Throttle(10, sleep=time.sleep, clock=time.clock)
    sent: list[float] = []
    for _ in range(35):
        throttle.wait()
        sent.append(time.now)
    assert all(later - earlier >= 59.9 for earlier, later in zip(sent, sent[10:], strict=False))
    assert sent[-1] - sent[0] < 200


def test_requests_within_the_rate_do_not_wait(time: FakeTime) -> None:
    throttle = Throttle(10, sleep=time.sleep, clock=time.clock)
    for _ in range(10):
        throttle.wait()
    assert time.sleeps == []


def test_repeats_and_look_ups_count_against_the_rate_too(site: responses.RequestsMock, time: FakeTime) -> None:
    site.get(COUNT, status=503)
    site.get(COUNT, json={"count": 1})
    with ConnectWiseClient(CREDENTIALS, requests_per_minute=2, sleep=time.sleep, clock=time.clock) as client:
        assert client.company_count() == 1
    assert time.now >= 1059.9


def test_a_rate_is_shared_by_all_threads(time: FakeTime) -> None:
    throttle = Throttle(5, sleep=time.sleep, clock=time.clock)
    with ThreadPoolExecutor(4) as threads:
        for waited in [threads.submit(throttle.wait) for _ in range(5)]:
            waited.result()
    assert time.sleeps == []
    throttle.wait()
    assert sum(time.sleeps) >= 59.9


def test_a_refusal_pauses_all_threads_and_slows_them_down(time: FakeTime) -> None:
    throttle = Throttle(100, sleep=time.sleep, clock=time.clock)
    for _ in range(41):
        throttle.wait()
    throttle.refused(30)
    throttle.refused(29)  # was under way at the same time
    throttle.wait()
    assert sum(time.sleeps) == pytest.approx(30)
    for _ in range(50):
        throttle.wait()
    assert sum(time.sleeps) == pytest.approx(60)


def test_a_site_that_takes_fewer_requests_refuses_few(time: FakeTime) -> None:
    takes, taken, refused = 40, deque[float](), 0
    throttle = Throttle(100, sleep=time.sleep, clock=time.clock)
    for _ in range(4_000):
        throttle.wait()
        while taken and taken[0] <= time.now - 60:
            taken.popleft()
        if len(taken) < takes:
            taken.append(time.now)
        else:
            refused += 1
            throttle.refused(taken[0] + 60 - time.now)
    assert refused / 4_000 < 0.01
    assert (4_000 - refused) / (time.now - 1_000) * 60 > 0.9 * takes


def test_one_refusal_is_forgotten_after_a_while(time: FakeTime) -> None:
    throttle = Throttle(100, sleep=time.sleep, clock=time.clock)
    throttle.wait()
    throttle.refused(1)
    time.sleep(3_600)
    time.sleeps.clear()
    for _ in range(100):
        throttle.wait()
    assert time.sleeps == []


def test_no_more_requests_are_under_way_than_allowed(site: responses.RequestsMock, time: FakeTime) -> None:
    lock = threading.Lock()
    together = threading.Barrier(3)
    under_way, most = 0, 0

    def answer(_request: PreparedRequest) -> tuple[int, dict[str, str], str]:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        together.wait(timeout=20)  # breaks unless three are under way at once
        with lock:
            under_way -= 1
        return 200, {}, '{"count": 1}'

    site.add_callback(responses.GET, COUNT, answer)
    with ConnectWiseClient(CREDENTIALS, max_concurrency=3, sleep=time.sleep, clock=time.clock) as client:
        client.company_info()
        with ThreadPoolExecutor(9) as threads:
            assert [asked.result() for asked in [threads.submit(client.company_count) for _ in range(9)]] == [1] * 9
        assert client.requests.read == 11
    assert most == 3


@pytest.mark.parametrize("value", [0, -1])
def test_a_limit_that_allows_nothing_is_refused(value: int) -> None:
    with pytest.raises(InvalidConfiguration, match="CONNECTWISE_REQUESTS_PER_MINUTE"):
        ConnectWiseClient(CREDENTIALS, requests_per_minute=value)
    with pytest.raises(InvalidConfiguration, match="CONNECTWISE_MAX_CONCURRENCY"):
        ConnectWiseClient(CREDENTIALS, max_concurrency=value)
