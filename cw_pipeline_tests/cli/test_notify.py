"""`notify`: whether the addresses work is tried before anything failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cw_pipeline_tests.cli.conftest import run
from cw_pipeline_tests.support.active import use
from cw_pipeline_tests.support.receivers import web_hook

if TYPE_CHECKING:
    import pytest


def test_every_address_gets_a_test_message_whatever_else_is_misconfigured(monkeypatch: pytest.MonkeyPatch) -> None:
    with web_hook() as first, web_hook() as second:
        addresses = f"{first.address} {second.address}"
        use(monkeypatch, {"CW_PIPELINE_NOTIFY": addresses, "CONNECTWISE_REQUESTS_PER_MINUTE": "many"})
        answer = run("notify", "--json")
        assert answer.code == 0
        assert answer.document == {"told": ["address 1 (JSON)", "address 2 (JSON)"], "failed": []}
        for hook in (first, second):
            assert [message["title"] for message in hook.messages] == ["cw_pipeline: a test message"]
        assert "address 1 (JSON), address 2 (JSON)" in run("notify").out


def test_an_address_that_takes_no_message_is_named_without_its_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    with web_hook() as ready, web_hook(refusals=2) as broken:
        use(monkeypatch, {"CW_PIPELINE_NOTIFY": f"{ready.address} {broken.address} top-secret-token"})
        answer = run("notify", "--json")
        assert answer.code == 1
        assert answer.document == {
            "told": ["address 1 (JSON)"],
            "failed": ["address 2 (JSON)", "address 3 (cannot be used)"],
        }
        said = run("notify")
        assert (said.code, len(ready.messages)) == (1, 2)
    assert "2 of 3 addresses in CW_PIPELINE_NOTIFY failed: address 2 (JSON), address 3" in said.sentence
    assert "top-secret-token" not in answer.out + answer.err + said.out + said.err


def test_without_an_address_it_says_how_to_set_one(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, {})
    answer = run("notify", "--json")
    assert answer.code == 2
    assert answer.document["error"].startswith("CW_PIPELINE_NOTIFY is not set.")
