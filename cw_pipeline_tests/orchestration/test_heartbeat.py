"""The dead man's switch: when it pings, against a real HTTPS server on this machine."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import dagster as dg
import pytest
from pydantic import SecretStr

from cw_pipeline import heartbeat
from cw_pipeline.definitions import defs
from cw_pipeline.heartbeat import NotPinged, ping
from cw_pipeline_tests.orchestration.monthly_runs import Watcher
from cw_pipeline_tests.support.active import LAST_CLOSED, activate
from cw_pipeline_tests.support.receivers import PingServer, ping_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cw_pipeline.sandbox.sandbox import Sandbox

SECRET = "top-secret-token"  # in the server's address
PATH = f"/ping/{SECRET}"


@pytest.fixture
def server(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[PingServer]:  # noqa: ARG001 - it sets the environment
    """A server that the environment names."""
    with ping_server() as running:
        monkeypatch.setenv("CW_PIPELINE_HEARTBEAT_URL", running.address)
        monkeypatch.setenv("CW_PIPELINE_HEARTBEAT_CA_BUNDLE", str(running.write_authority(tmp_path / "ca.pem")))
        monkeypatch.setattr(heartbeat, "LONGEST_WAIT", 0.2)
        yield running


@pytest.fixture
def watcher(instance: dg.DagsterInstance) -> Watcher:
    return Watcher(instance, "daily_heartbeat")


def sync(instance: dg.DagsterInstance) -> None:
    activate(LAST_CLOSED, companies=1)
    assert (
        defs.resolve_job_def("sync_now").execute_in_process(instance=instance, partition_key=str(LAST_CLOSED)).success
    )


def check(instance: dg.DagsterInstance, *, only: list[dg.AssetKey] | None = None) -> None:
    job = defs.resolve_job_def("daily_checks")
    assert job.execute_in_process(instance=instance, asset_selection=only).success


# --- when a ping is sent ---


def test_each_good_run_of_the_daily_checks_sends_one_ping(
    instance: dg.DagsterInstance, server: PingServer, watcher: Watcher
) -> None:
    sync(instance)
    assert (watcher.ticks(), server.pings) == ([], [])
    for day in (1, 2):
        check(instance)
        assert (watcher.ticks(), watcher.ticks()) == ([], [])
        assert server.pings == [PATH] * day


def test_a_run_with_a_check_that_did_not_pass_sends_no_ping(
    instance: dg.DagsterInstance, server: PingServer, watcher: Watcher
) -> None:
    activate(LAST_CLOSED, companies=1)
    check(instance)
    assert (watcher.ticks(), server.pings) == ([], [])


def test_a_run_that_left_a_check_out_sends_no_ping(
    instance: dg.DagsterInstance, server: PingServer, watcher: Watcher
) -> None:
    sync(instance)
    check(instance, only=[dg.AssetKey("drift")])
    assert (watcher.ticks(), server.pings) == ([], [])


@pytest.mark.usefixtures("sandbox")
def test_without_an_address_the_tick_is_skipped(instance: dg.DagsterInstance, watcher: Watcher) -> None:
    sync(instance)
    check(instance)
    assert watcher.ticks() == []


def test_a_failed_ping_fails_the_tick_without_showing_the_address(
    instance: dg.DagsterInstance, server: PingServer, watcher: Watcher, caplog: pytest.LogCaptureFixture
) -> None:
    sync(instance)
    check(instance)
    server.statuses = [500] * heartbeat.ATTEMPTS
    with caplog.at_level(logging.DEBUG):
        (error,) = watcher.ticks()
    assert "NotPinged: The address in CW_PIPELINE_HEARTBEAT_URL was not reached: the server failed (HTTP 500)." in error
    assert SECRET not in error + caplog.text
    assert len(server.pings) == heartbeat.ATTEMPTS


# --- the ping on its way ---


def send(server: PingServer, tmp_path: Path) -> None:
    ping(SecretStr(server.address), ca_bundle=server.write_authority(tmp_path / "ca.pem"), sleep=lambda _seconds: None)


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_a_failure_that_may_pass_is_tried_again(status: int, tmp_path: Path) -> None:
    with ping_server(status, status) as server:
        send(server, tmp_path)
        assert server.pings == [PATH] * 3


@pytest.mark.parametrize(("status", "reason"), [(302, "redirects are not followed"), (404, "the request was refused")])
def test_a_refusal_or_a_redirect_is_final(status: int, reason: str, tmp_path: Path) -> None:
    with ping_server(status) as server:
        with pytest.raises(NotPinged, match=reason) as refused:
            send(server, tmp_path)
        assert server.pings == [PATH]
    assert SECRET not in str(refused.value)


def test_a_server_with_an_unknown_certificate_is_refused() -> None:
    with ping_server() as server:
        with pytest.raises(NotPinged, match="the certificate cannot be verified"):
            ping(SecretStr(server.address))
        assert server.pings == []


@pytest.mark.parametrize("address", [f"http://localhost/{SECRET}", SECRET, f"https:///{SECRET}", f"https://[{SECRET}"])
def test_an_address_that_is_not_https_is_refused_without_showing_it(address: str) -> None:
    with pytest.raises(NotPinged, match="not an address that begins with https://") as refused:
        ping(SecretStr(address))
    assert SECRET not in str(refused.value)


def test_a_character_that_no_address_has_is_encoded(tmp_path: Path) -> None:
    with ping_server() as server:
        ping(SecretStr(f"{server.address} ü"), ca_bundle=server.write_authority(tmp_path / "ca.pem"))
        assert server.pings == [f"{PATH}%20%C3%BC"]


def test_a_certificate_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotPinged, match=r"CW_PIPELINE_HEARTBEAT_CA_BUNDLE cannot be used \(No such file"):
        ping(SecretStr("https://localhost/"), ca_bundle=tmp_path / "none.pem")
