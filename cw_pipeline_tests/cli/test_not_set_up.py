"""What keeps a new user from getting through: each a sentence that names what to do, and nothing half-written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trustme

from cw_pipeline_tests.cli.conftest import run

if TYPE_CHECKING:
    from pathlib import Path

    from cw_pipeline.sandbox import Sandbox
    from cw_pipeline_tests.support.active import Active

OTHER_CA = "other-ca.pem"


@pytest.fixture
def other_ca(tmp_path: Path) -> Path:
    file = tmp_path / OTHER_CA
    trustme.CA().cert_pem.write_to_path(str(file))
    return file


@pytest.mark.usefixtures("sandbox")
@pytest.mark.parametrize(
    "case",
    [
        ("CONNECTWISE_PRIVATE_KEY", "not-the-key", 2, "CONNECTWISE_PRIVATE_KEY"),
        ("CONNECTWISE_PRIVATE_KEY", "", 2, "CONNECTWISE_PRIVATE_KEY is not set"),
        ("CONNECTWISE_COMPANY_ID", "nobody", 2, "CONNECTWISE_COMPANY_ID"),
        ("CONNECTWISE_SITE_URL", "http://localhost", 2, "does not begin with https://"),
        ("CONNECTWISE_SITE_URL", "https://localhost:1", 1, "CONNECTWISE_SITE_URL"),
        ("CONNECTWISE_CA_BUNDLE", OTHER_CA, 2, "CONNECTWISE_CA_BUNDLE"),
        ("CONNECTWISE_MAX_CONCURRENCY", "many", 2, "CONNECTWISE_MAX_CONCURRENCY cannot be used"),
        ("CW_PIPELINE_FIRST_MONTH", "March", 2, "a month such as 2025-01 is expected"),
        ("CW_PIPELINE_DATABASE_URL", "postgresql://me:secret@localhost:1/x", 2, "CW_PIPELINE_DATABASE_URL"),
        ("CW_PIPELINE_DATABASE_URL", "mysql://me:secret@localhost/x", 2, "Use PostgreSQL or SQLite"),
    ],
)
def test_connect_says_what_is_wrong_and_saves_nothing(
    monkeypatch: pytest.MonkeyPatch, other_ca: Path, case: tuple[str, str, int, str]
) -> None:
    name, value, code, sentence = case
    with monkeypatch.context() as wrong:
        wrong.setenv(name, str(other_ca) if value == OTHER_CA else value)
        answer = run("connect", "--json")
    assert answer.code == code
    assert sentence in answer.document["error"]
    assert answer.document["error"] == answer.err.strip()
    assert "secret" not in answer.out + answer.err
    assert run("status", "--json").document["state"] == "not_connected"


def test_a_missing_right_is_named_and_nothing_is_saved(sandbox: Sandbox) -> None:
    role = sandbox.connectwise.role
    sandbox.connectwise.set_role([right for right in role if "agreement" not in right.name.lower()])
    answer = run("connect")
    sandbox.connectwise.set_role(role)
    assert answer.code == 2
    assert "MISSING" in answer.out
    assert "Finance > Agreements: Inquire" in answer.sentence
    assert run("status", "--json").document["state"] == "not_connected"


@pytest.mark.usefixtures("sandbox")
@pytest.mark.parametrize(
    "case",
    [
        ("NORDPASS_API_URL", "", 2, "NORDPASS_API_URL is not set"),
        ("NORDPASS_API_URL", "http://localhost", 2, "NORDPASS_API_URL"),
        ("NORDPASS_MSP_ID", "another", 2, "NORDPASS_MSP_ID"),
        ("NORDPASS_PRIVATE_KEY_FILE", "/nonexistent", 2, "NORDPASS_PRIVATE_KEY_FILE"),
        ("NORDPASS_CA_BUNDLE", OTHER_CA, 2, "NORDPASS_CA_BUNDLE"),
        ("NORDPASS_USAGE_DIR", "/nonexistent", 2, "NORDPASS_USAGE_DIR"),
    ],
)
def test_what_is_wrong_with_nordpass_is_said(
    monkeypatch: pytest.MonkeyPatch, other_ca: Path, case: tuple[str, str, int, str]
) -> None:
    name, value, code, sentence = case
    monkeypatch.setenv(name, str(other_ca) if value == OTHER_CA else value)
    answer = run("organizations", "list", "--json")
    assert answer.code == code
    assert sentence in answer.document["error"]


@pytest.mark.parametrize("command", ["sync", "drift", "rebuild", "reconcile"])
def test_before_the_setup_a_command_names_its_first_step_and_sends_nothing(sandbox: Sandbox, command: str) -> None:
    sandbox.journal.clear()
    answer = run(command, "--json")
    assert answer.code == 2
    assert "run `cw-pipeline connect`" in answer.document["error"]
    assert sandbox.journal.entries() == []


@pytest.mark.usefixtures("active")
def test_another_company_is_refused_before_there_is_a_run(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONNECTWISE_COMPANY_ID", "another")
    sandbox.journal.clear()
    answer = run("sync")
    assert answer.code == 2
    assert "cw-pipeline disconnect" in answer.sentence
    assert sandbox.journal.entries() == []


def test_an_unusable_dagster_storage_is_reported_first(
    active: Active, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "dagster.yaml").write_text("storage:\n  postgres:\n    postgres_url:\n      env: NOT_SET\n")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "broken"))
    answer = run("companies", "unmap", str(active.mapped[0].company_id))
    assert answer.code == 2
    assert "DAGSTER_HOME" in answer.sentence
    assert run("status", "--json").document["mapped"] == 3


@pytest.mark.usefixtures("active")
def test_a_mapping_file_is_refused_whole_and_says_why(tmp_path: Path) -> None:
    file = tmp_path / "m.csv"
    file.write_text("company,agreement\n1,2\n")
    answer = run("companies", "apply", str(file), "--json")
    assert answer.code == 2
    assert "the header has to be company_id," in answer.document["error"]
