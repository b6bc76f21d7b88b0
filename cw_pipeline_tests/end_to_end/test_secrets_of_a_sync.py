"""No secret is in anything that failing syncs leave behind, not even where the words of an answer are kept."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
import trustme
import yaml
from sqlalchemy import MetaData, create_engine, make_url

from cw_pipeline.definitions import defs
from cw_pipeline.sandbox.connectwise import api
from cw_pipeline.sandbox.faults import FaultKind
from cw_pipeline.sandbox.sandbox import Sandbox
from cw_pipeline_tests.end_to_end.conftest import PROJECT
from cw_pipeline_tests.end_to_end.failing_runs import failing_runs
from cw_pipeline_tests.end_to_end.secret_search import (
    BASIC,
    CLIENT,
    COMPANY,
    DAGSTER_PASSWORD,
    HOOK,
    PASSWORD,
    PRIVATE,
    PUBLIC,
    SECRETS,
    Echo,
    files_in,
    secrets_in,
    serving,
)
from cw_pipeline_tests.support.active import LAST_CLOSED, Active, activate, use
from cw_pipeline_tests.support.postgres import postgres_database
from cw_pipeline_tests.support.receivers import web_hook

if TYPE_CHECKING:
    from collections.abc import Iterator

FIRST, LAST = str(LAST_CLOSED.plus(-1)), str(LAST_CLOSED)
MARK = "refused, for these are no keys"
ECHO = f"{MARK}: {PRIVATE}, {PUBLIC}, {CLIENT}, {BASIC}"
REPLY = json.dumps({"code": "InvalidObject", "message": ECHO, "errors": [{"message": ECHO}]})
LOGS = {"python_logs": {"managed_python_loggers": ["root"], "python_log_level": "DEBUG"}}


@dataclass(frozen=True)
class Place:
    """Where syncs are run, and where they leave what they leave.

    Attributes:
        folder: Has all files.
        databases: The PostgreSQL databases of the warehouse and of Dagster; none where both are files.
    """

    environment: dict[str, str]
    folder: Path
    databases: tuple[str, ...]

    def left(self) -> dict[str, bytes]:
        """What is in each file, and in each table."""
        files = {str(file): content for file, content in files_in(self.folder).items()}
        return files | {f"{url} {name}": rows for url in self.databases for name, rows in tables(url).items()}

    def warehouse(self) -> dict[str, bytes]:
        """What is in each table of the warehouse."""
        return tables(self.databases[0] if self.databases else f"sqlite:///{self.folder / 'warehouse.db'}")


def tables(url: str) -> dict[str, bytes]:
    engine, metadata = create_engine(url), MetaData()
    metadata.reflect(engine)
    with engine.connect() as connection:
        found = {
            table.name: str([tuple(row) for row in connection.execute(table.select())]).encode()
            for table in metadata.sorted_tables
        }
    engine.dispose()
    return found


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """A sandbox that knows our keys."""
    keys = {"COMPANY_ID": COMPANY, "PUBLIC_KEY": PUBLIC, "PRIVATE_KEY": PRIVATE, "CLIENT_ID": CLIENT}
    for name, value in keys.items():
        monkeypatch.setattr(api, name, value)
        monkeypatch.setattr(f"cw_pipeline.sandbox.sandbox.{name}", value)
    with Sandbox() as running:
        yield running


@pytest.fixture
def on_files(tmp_path: Path) -> Place:
    return place(tmp_path, "dagster.yaml", {})


@pytest.fixture
def on_postgres(postgres_url: str, tmp_path: Path) -> Iterator[Place]:
    with postgres_database(postgres_url) as warehouse, postgres_database(postgres_url) as dagster:
        passwords = {
            "CW_PIPELINE_DATABASE_URL": (warehouse, PASSWORD),
            "DAGSTER_POSTGRES_URL": (dagster, DAGSTER_PASSWORD),
        }
        urls = {
            name: make_url(url).set(password=password).render_as_string(hide_password=False)
            for name, (url, password) in passwords.items()
        }
        yield place(tmp_path, "deploy/dagster.yaml", urls, warehouse, dagster)


def place(folder: Path, config: str, urls: dict[str, str], *databases: str) -> Place:
    """A Dagster as it is shipped, which logs all it can."""
    settings = yaml.safe_load((PROJECT / config).read_text())
    (folder / "dagster.yaml").write_text(yaml.safe_dump(settings | LOGS))
    return Place({"CW_PIPELINE_HOME": str(folder), "DAGSTER_HOME": str(folder), **urls}, folder, databases)


def refused(method: str, path: str = "/finance/", status: int = 400, **more: object) -> dict[str, object]:
    """A fault of the sandbox whose answer repeats all keys."""
    return {"kind": FaultKind.STATUS, "method": method, "path": path, "status": status, "reply": REPLY, **more}


def sync_job(month: str, *faults: dict[str, object], **more: object) -> dict[str, Any]:
    return {"act": "job", "arguments": ["sync_now", "{}", month], "faults": faults, **more}


def sync_once(month: str, sandbox: Sandbox, active: Active) -> None:
    """Let the month have lines of 5 seats, of which there are 6 now."""
    for seats in (5, 6):
        for organization in active.organization_ids:
            sandbox.nordpass.set_usage(organization, month, seats)
        if seats == 5:
            with dg.DagsterInstance.get() as instance:
                job = defs.resolve_job_def("sync_now")
                assert job.execute_in_process(instance=instance, partition_key=month).success


@pytest.mark.parametrize("where", ["on_files", "on_postgres"])
def test_a_failed_sync_leaves_no_secret_anywhere(
    where: str, request: pytest.FixtureRequest, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    place: Place = request.getfixturevalue(where)
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "echo.pem"))
    with web_hook() as hook, serving(Echo(authority, 422)) as nordpass:
        environment = sandbox.environment() | place.environment
        environment["CW_PIPELINE_NOTIFY"] = f"json://127.0.0.1:{hook.server_port}/{HOOK}"
        use(monkeypatch, environment)
        for name in ("DAGSTER_HOME", "DAGSTER_POSTGRES_URL"):
            monkeypatch.setenv(name, environment.get(name, ""))
        sync_once(FIRST, sandbox, activate(LAST_CLOSED.plus(-1)))
        elsewhere = {"NORDPASS_API_URL": nordpass.url, "NORDPASS_CA_BUNDLE": str(tmp_path / "echo.pem")}
        acts = [
            {
                "act": "command",
                "arguments": ["sync", "--from", FIRST, "--to", LAST],
                "faults": [refused("PATCH"), refused("PATCH", status=500, nth=2), refused("POST")],
            },
            sync_job(LAST, refused("POST"), refused("POST", status=500, nth=2)),
            sync_job(LAST, refused("GET", times=None)),
            sync_job(LAST, environment=elsewhere),
            sync_job(LAST, breaks=True),
            {"act": "job", "arguments": ["daily_checks", "{}"], "faults": [refused("GET", times=None)]},
        ]
        stdout, stderr = failing_runs(acts, environment, tmp_path)
        messages = json.dumps(hook.messages)

    ended = [line for line in stdout.decode().splitlines() if line.startswith(("command ", "job "))]
    assert [line.rpartition(" ended ")[2] for line in ended] == ["with 1"] * len(acts)
    left = place.left() | {"standard output": stdout, "standard error": stderr, "messages": messages.encode()}
    # Keys were echoed, and the words about them were kept everywhere: else there was nothing to find.
    assert SECRETS["token"] in "".join(nordpass.seen)
    kept = {name for name, content in left.items() if MARK.encode() in content}
    assert {"messages", "standard output", "standard error"} < kept
    assert any("event_logs" in name or "/history/runs/" in name for name in kept)
    assert {name for name, rows in place.warehouse().items() if MARK.encode() in rows} == {
        "ledger", "month_errors", "push_lines"
    }  # fmt: skip
    signing_key = Path(environment["NORDPASS_PRIVATE_KEY_FILE"]).read_bytes().splitlines()[5]
    assert [name for name, content in left.items() if signing_key in content] == []
    assert {name: found for name, content in left.items() if (found := secrets_in(content))} == {}
