"""No secret is in anything that a failing run leaves behind, however much of it is logged."""

from __future__ import annotations

import json
import traceback
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest
import trustme
from urllib3.connection import HTTPConnection, HTTPSConnection

from cw_pipeline.connectwise.errors import ConnectWiseError
from cw_pipeline.nordpass.errors import NordPassError
from cw_pipeline.orchestration.resources import Access
from cw_pipeline.settings import Settings
from cw_pipeline.setup import clients
from cw_pipeline_tests.end_to_end.failing_runs import failing_runs
from cw_pipeline_tests.end_to_end.secret_search import (
    CLIENT,
    COMPANY,
    DATABASE,
    HOOK,
    PEM,
    PRIVATE,
    PROXY_LOGIN,
    PUBLIC,
    SECRETS,
    Echo,
    files_in,
    secrets_in,
    serving,
)
from cw_pipeline_tests.support.active import use
from cw_pipeline_tests.support.receivers import web_hook

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

BEHIND_A_PROXY = {
    "CONNECTWISE_SITE_URL": "https://psa.example.com",
    "NORDPASS_API_URL": "https://nordpass.example.com",
    "HTTPS_PROXY": f"http://{PROXY_LOGIN}@127.0.0.1:1",
    "https_proxy": f"http://{PROXY_LOGIN}@127.0.0.1:1",
    "NO_PROXY": "",
    "no_proxy": "",
}


@dataclass(frozen=True)
class Sites:
    """A site for each way to fail, and the environment that leads to the first."""

    refusing: Echo
    failing: Echo
    environment: dict[str, str]


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sites]:
    authority = trustme.CA()
    bundle = tmp_path_factory.mktemp("authority") / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    with serving(Echo(authority, 401)) as refusing, serving(Echo(authority, 500)) as failing:
        environment = {
            "CONNECTWISE_SITE_URL": refusing.url,
            "CONNECTWISE_COMPANY_ID": COMPANY,
            "CONNECTWISE_PUBLIC_KEY": PUBLIC,
            "CONNECTWISE_PRIVATE_KEY": PRIVATE,
            "CONNECTWISE_CLIENT_ID": CLIENT,
            "CONNECTWISE_CA_BUNDLE": str(bundle),
            "NORDPASS_API_URL": refusing.url,
            "NORDPASS_MSP_ID": "msp-7",
            "NORDPASS_PRIVATE_KEY": PEM,
            "NORDPASS_CA_BUNDLE": str(bundle),
            "CW_PIPELINE_NOTIFY": f"json://127.0.0.1:1/{HOOK}",
        }
        yield Sites(refusing, failing, environment)


CONNECT: dict[str, Any] = {"act": "command", "arguments": ["connect"]}
CONNECT_JOB: dict[str, Any] = {"act": "job", "arguments": ["connect", "{}"]}
NEW = {"name": "Acme", "plan": "Business", "license_type": "Standard", "contact_email": "it@acme.example"}
ADD: dict[str, Any] = {
    "act": "command",
    "arguments": ["organizations", "add", *(f"--{name.replace('_', '-')}={value}" for name, value in NEW.items())],
}
ADD_JOB: dict[str, Any] = {
    "act": "job",
    "arguments": ["add_organization", json.dumps({"ops": {"add_to_nordpass": {"config": NEW}}})],
}


def test_no_run_that_fails_leaves_a_secret_anywhere(sites: Sites, tmp_path: Path) -> None:
    home, dagster = tmp_path / "home", tmp_path / "dagster"
    dagster.mkdir()
    (dagster / "dagster.yaml").write_text(
        "python_logs: {managed_python_loggers: [root], python_log_level: DEBUG}\ntelemetry: {enabled: false}\n"
    )
    failing = {"CONNECTWISE_SITE_URL": sites.failing.url}
    no_database = {"CW_PIPELINE_DATABASE_URL": DATABASE}
    with web_hook() as hook:
        told = {"CW_PIPELINE_NOTIFY": f"json://127.0.0.1:{hook.server_port}/{HOOK}"}
        acts = [
            *(
                act | more
                for act in (CONNECT, CONNECT_JOB)
                for more in (
                    {},
                    {"environment": failing},
                    {"environment": {"CONNECTWISE_CA_BUNDLE": ""}},
                    {"environment": no_database},
                    {"environment": {"CONNECTWISE_PRIVATE_KEY": f"{PRIVATE} "}},
                    {"breaks": True},
                )
            ),
            ADD | {"environment": BEHIND_A_PROXY},
            *(
                act | more
                for act in (ADD, ADD_JOB)
                for more in ({}, {"environment": {"NORDPASS_PRIVATE_KEY": PEM[:-40]}}, {"breaks": True})
            ),
            {"act": "tell", "arguments": ["a line"], "environment": told},
        ]
        environment = sites.environment | {"CW_PIPELINE_HOME": str(home), "DAGSTER_HOME": str(dagster)}
        stdout, stderr = failing_runs(acts, environment, tmp_path)
        assert len(hook.messages) == 1

    # The secrets were sent and echoed, the acts failed, and all was logged: else there was nothing to find.
    sent = "".join(sites.refusing.seen)
    assert [name for name in ("client id", "Basic header", "token") if SECRETS[name] not in sent] == []
    ended = [line for line in stdout.decode().splitlines() if line.startswith(("command ", "job ", "tell "))]
    assert len(ended) == len(acts)
    assert [line for line in ended if line.endswith("well")] == ["tell a line ended well"]
    assert sum(line.endswith("with RuntimeError") for line in ended) == 2
    files = files_in(home, dagster)
    assert b"DEBUG:urllib3.connectionpool" in stderr
    assert any(b"urllib3" in content and b"nobody expected this" in content for content in files.values())

    left = {"standard output": stdout, "standard error": stderr} | files
    assert {place: found for place, content in left.items() if (found := secrets_in(content))} == {}


def _connect(settings: Settings) -> None:
    with clients.open_connectwise(settings) as client:
        client.company_count()


def _read_organizations(settings: Settings) -> None:
    with clients.open_nordpass(settings) as nordpass:
        nordpass.organizations()


@pytest.mark.parametrize(
    ("act", "environment", "breaks"),
    [
        (_connect, {}, False),
        (_connect, {}, True),
        (_connect, {"CONNECTWISE_PRIVATE_KEY": f"{PRIVATE}\n"}, False),
        (_read_organizations, {}, False),
        (_read_organizations, {}, True),
        (_read_organizations, {"NORDPASS_PRIVATE_KEY": PEM[:-40]}, False),
    ],
)
def test_a_crash_report_with_the_values_of_variables_has_no_secret(
    act: Callable[[Settings], None],
    environment: dict[str, str],
    *,
    breaks: bool,
    sites: Sites,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    use(monkeypatch, sites.environment | environment)
    broken = patch.object(HTTPConnection, "getresponse", side_effect=RuntimeError) if breaks else nullcontext()
    with broken, pytest.raises(RuntimeError if breaks else (ConnectWiseError, NordPassError)) as error:
        act(Settings())
    product = error.traceback[2]._rawentry
    report = traceback.TracebackException(error.type, error.value, product, capture_locals=True)
    text = "".join(report.format())
    assert "self = <" in text or "private_key = '***'" in text
    assert secrets_in(text) == []


@pytest.mark.parametrize("act", [_connect, _read_organizations])
def test_a_crash_report_of_a_connection_through_a_proxy_has_no_password(
    act: Callable[[Settings], None], sites: Sites, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, sites.environment | BEHIND_A_PROXY)
    broken = patch.object(HTTPSConnection, "connect", side_effect=RuntimeError)
    with broken, pytest.raises(RuntimeError) as error:
        act(Settings())
    product = error.traceback[2]._rawentry
    report = traceback.TracebackException(error.type, error.value, product, capture_locals=True)
    text = "".join(report.format())
    assert "_prepare_proxy" in text
    assert secrets_in(text) == []


def test_nothing_that_holds_a_secret_shows_it(sites: Sites, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, sites.environment | {"CW_PIPELINE_DATABASE_URL": DATABASE})
    settings = Settings()
    with (
        clients.open_connectwise(settings) as connectwise,
        clients.open_nordpass(settings) as nordpass,
    ):
        holders = [settings, Access(), connectwise, nordpass, *vars(connectwise).values(), *vars(nordpass).values()]
        holders += [one for holder in holders[4:] if hasattr(holder, "__dict__") for one in vars(holder).values()]
        assert secrets_in("".join(f"{one!r} {one} {one:}" for one in holders)) == []
