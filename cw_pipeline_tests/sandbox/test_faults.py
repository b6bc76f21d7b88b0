import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
import requests

from cw_pipeline.sandbox import FaultKind, Sandbox
from cw_pipeline_tests.sandbox.conftest import Api, document

LINES = "/finance/agreements/1001/additions"
LINE = f"{LINES}/5001"
TWELVE = [{"op": "replace", "path": "quantity", "value": 12}]


def quantity(sandbox: Sandbox) -> int:
    return int(sandbox.connectwise.additions(1001)[0]["quantity"])


def test_a_status_is_answered_once_and_nothing_is_written(sandbox: Sandbox, api: Api) -> None:
    sandbox.faults.add(FaultKind.STATUS, method="PATCH", status=503, headers={"Retry-After": "7"}, reply="busy")
    answer = api.patch(LINE, TWELVE)
    assert (answer.status_code, answer.text, answer.headers["Retry-After"]) == (503, "busy", "7")
    assert quantity(sandbox) == 5
    assert api.patch(LINE, TWELVE).status_code == 200


def test_a_status_may_come_after_the_write(sandbox: Sandbox, api: Api) -> None:
    sandbox.faults.add(FaultKind.STATUS, method="PATCH", status=502, written=True)
    assert api.patch(LINE, TWELVE).status_code == 502
    assert quantity(sandbox) == 12


@pytest.mark.parametrize(("kind", "expected"), [(FaultKind.RESET_BEFORE, 5), (FaultKind.RESET_AFTER, 12)])
def test_a_reset_leaves_no_answer(sandbox: Sandbox, api: Api, kind: FaultKind, expected: int) -> None:
    sandbox.faults.add(kind, method="PATCH")
    with pytest.raises(requests.ConnectionError):
        api.patch(LINE, TWELVE)
    assert quantity(sandbox) == expected
    assert sandbox.journal.writes()[-1].status is None
    assert api.get(LINE).status_code == 200


def test_a_raw_client_sees_a_reset_connection_without_a_single_byte(sandbox: Sandbox) -> None:
    sandbox.faults.add(FaultKind.RESET_BEFORE)
    address = urlsplit(sandbox.url)
    context = ssl.create_default_context(cafile=str(sandbox.ca_bundle))
    with (
        socket.create_connection(("127.0.0.1", address.port or 0)) as plain,
        context.wrap_socket(plain, server_hostname="localhost", suppress_ragged_eofs=False) as client,
    ):
        client.sendall(b"GET /login/companyinfo/sandbox HTTP/1.1\r\nHost: localhost\r\n\r\n")
        # Some kernels report the reset as such, others as an end without TLS's farewell.
        with pytest.raises((ConnectionResetError, ssl.SSLEOFError)):
            client.recv(1)


def test_a_truncated_answer_comes_after_the_write(sandbox: Sandbox, api: Api) -> None:
    sandbox.faults.add(FaultKind.TRUNCATED, method="PATCH")
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        api.patch(LINE, TWELVE)
    assert quantity(sandbox) == 12


def test_a_slow_reply_comes_after_its_write_was_done(sandbox: Sandbox, api: Api) -> None:
    fault = sandbox.faults.add(FaultKind.SLOW, method="PATCH")
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(api.patch, LINE, TWELVE)
        assert sandbox.faults.wait_for_hit(fault)
        assert not answer.done()
        assert quantity(sandbox) == 12
        sandbox.faults.release(fault)
        assert answer.result().status_code == 200


def test_a_request_may_be_held_before_it_is_written(sandbox: Sandbox, api: Api) -> None:
    fault = sandbox.faults.add(FaultKind.SLOW, method="PATCH", written=False)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(api.patch, LINE, TWELVE)
        assert sandbox.faults.wait_for_hit(fault)
        assert quantity(sandbox) == 5
        sandbox.faults.clear()
        assert answer.result().status_code == 200
    assert quantity(sandbox) == 12


def test_a_client_that_gives_up_waiting_has_written(sandbox: Sandbox, api: Api) -> None:
    fault = sandbox.faults.add(FaultKind.SLOW, method="PATCH")
    with pytest.raises(requests.ReadTimeout):
        api.session.patch(api.base + LINE, json=TWELVE, timeout=0.3)
    assert sandbox.faults.wait_for_hit(fault)
    assert quantity(sandbox) == 12


def test_a_request_may_stay_without_an_answer_and_without_effect(sandbox: Sandbox, api: Api) -> None:
    fault = sandbox.faults.add(FaultKind.UNANSWERED, method="PATCH", times=2)
    with pytest.raises(requests.ReadTimeout):
        api.session.patch(api.base + LINE, json=TWELVE, timeout=0.3)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(api.patch, LINE, TWELVE)
        assert sandbox.faults.wait_for_hit(fault, hits=2)
        sandbox.faults.clear()
        with pytest.raises(requests.ConnectionError):
            waiting.result()
    assert quantity(sandbox) == 5
    assert api.patch(LINE, TWELVE).status_code == 200


def test_a_proxys_page_is_html(sandbox: Sandbox, api: Api) -> None:
    sandbox.faults.add(FaultKind.HTML, status=502)
    answer = api.get(LINE)
    assert (answer.status_code, answer.headers["content-type"]) == (502, "text/html; charset=utf-8")


def test_a_silent_200_shows_the_unchanged_object(sandbox: Sandbox, api: Api) -> None:
    sandbox.faults.add(FaultKind.SILENT_200, method="PATCH")
    answer = api.patch(LINE, TWELVE)
    assert (answer.status_code, document(answer)["quantity"]) == (200, 5)
    assert quantity(sandbox) == 5


def test_one_record_of_a_list_or_any_answer_is_spoiled(sandbox: Sandbox, api: Api) -> None:
    before = document(api.get(LINES))
    sandbox.faults.add(FaultKind.SPOILED, times=2, record=5001, members={"product": None, "quantity": "many"})
    first, *others = document(api.get(LINES))
    assert (first["id"], first["product"], first["quantity"]) == (5001, None, "many")
    assert others == before[1:]
    assert document(api.get(LINE))["product"] is None
    sandbox.faults.add(FaultKind.SPOILED, method="PATCH", members={"quantity": None})
    assert document(api.patch(LINE, TWELVE))["quantity"] is None
    assert quantity(sandbox) == 12
    sandbox.faults.add(FaultKind.SPOILED, method="PATCH", members={"quantity": None}, written=False)
    assert document(api.patch(LINE, TWELVE)) is None


def test_an_answer_that_is_not_json_comes_after_the_write(sandbox: Sandbox, api: Api) -> None:
    sandbox.faults.add(FaultKind.NOT_JSON, method="PATCH")
    answer = api.patch(LINE, TWELVE)
    assert answer.status_code == 200
    with pytest.raises(requests.exceptions.JSONDecodeError):
        answer.json()
    assert quantity(sandbox) == 12


def test_a_fault_hits_only_the_requests_it_names(sandbox: Sandbox, api: Api) -> None:
    fault = sandbox.faults.add(
        FaultKind.STATUS, method="PATCH", path=r"/additions/\d+$", body='"value": 12', nth=2, times=2, status=500
    )
    other = [{"op": "replace", "path": "quantity", "value": 13}]
    statuses = [api.patch(LINE, body).status_code for body in (TWELVE, other, TWELVE, other, TWELVE, TWELVE)]
    assert statuses == [200, 200, 500, 200, 500, 200]
    assert sandbox.faults.hits(fault) == 2


def test_cleared_faults_hit_nothing(sandbox: Sandbox, api: Api) -> None:
    sandbox.faults.add(FaultKind.STATUS, times=None)
    assert [api.get(LINE).status_code for _ in range(3)] == [503] * 3
    sandbox.faults.clear()
    assert api.get(LINE).status_code == 200


def test_stopping_lets_held_answers_go(api: Api, sandbox: Sandbox) -> None:
    fault = sandbox.faults.add(FaultKind.SLOW)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(api.get, LINE)
        assert sandbox.faults.wait_for_hit(fault)
        sandbox.stop()
        assert answer.result().status_code == 200


def test_the_journal_has_every_request_in_order(sandbox: Sandbox, api: Api) -> None:
    api.get(LINES, pageSize=5)
    api.patch(LINE, TWELVE)
    api.send("DELETE", LINE)
    entries = sandbox.journal.entries()
    assert [(entry.number, entry.method, entry.status) for entry in entries] == [
        (1, "GET", 200),
        (2, "PATCH", 200),
        (3, "DELETE", 403),
    ]
    assert entries[0].query == "pageSize=5"
    assert '"value": 12' in entries[1].body
    assert (len(sandbox.journal.reads()), len(sandbox.journal.writes("/additions"))) == (1, 2)
    sandbox.journal.clear()
    assert sandbox.journal.entries() == []
