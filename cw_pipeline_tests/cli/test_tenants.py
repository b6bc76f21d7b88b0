"""Commands for one of several tenants, and the list of them."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from cw_pipeline_tests.cli.conftest import PROGRAM, run
from cw_pipeline_tests.support.active import LAST_CLOSED, activate
from cw_pipeline_tests.support.tenants import definitions_of, serving, use_tenants

if TYPE_CHECKING:
    from pathlib import Path

    from cw_pipeline.sandbox import Sandbox


@pytest.fixture
def folder(shared: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, new_database_url: str) -> Path:
    """The folder of two tenants' files: one with a sandbox, one without any setting; on both databases."""
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    tenants = {"acme": shared, "globex": None}
    return use_tenants(monkeypatch, tmp_path, tenants, CW_PIPELINE_DATABASE_URL=new_database_url)


def listed(*, code: int) -> dict[str, Any]:
    """What `tenants` says, by key."""
    answer = run("tenants", "--json")
    assert answer.code == code, answer
    return {tenant["key"]: tenant for tenant in answer.document["tenants"]}


def test_tenants_lists_each_with_its_state_or_what_is_wrong(folder: Path, shared: Sandbox) -> None:
    with serving("acme"):
        activate(LAST_CLOSED, companies=1)
    (folder / "wrong.yaml").write_text("day: 1")
    found = listed(code=1)
    assert {key: tenant["state"] for key, tenant in found.items()} == {
        "acme": "active",
        "globex": "not_connected",
        "wrong": None,
    }
    assert found["acme"] == {
        "key": "acme",
        "file": str(folder / "acme.yaml"),
        "state": "active",
        "company": f"sandbox at {shared.url}",
        "problem": None,
    }
    assert found["globex"]["problem"].startswith("GLOBEX_CONNECTWISE_SITE_URL, GLOBEX_CONNECTWISE_COMPANY_ID, ")
    assert found["wrong"]["problem"].startswith(f"{folder / 'wrong.yaml'}: day is no field of a tenant.")
    assert "Correct globex, wrong. The other tenants are not affected." in run("tenants").out


def test_tenants_exits_with_0_where_nothing_is_wrong(folder: Path) -> None:
    (folder / "globex.yaml").unlink()
    assert listed(code=0)["acme"]["problem"] is None


@pytest.mark.parametrize("new_database_url", ["sqlite"], indirect=True)
def test_two_tenants_with_one_connectwise_company_are_noticed(folder: Path) -> None:
    (folder / "globex.yaml").write_text("environment_prefix: ACME_")
    problem = "The tenant acme has the same ConnectWise company. Remove one."
    assert listed(code=1)["globex"]["problem"] == problem


@pytest.mark.parametrize("new_database_url", ["sqlite"], indirect=True)
@pytest.mark.usefixtures("folder")
def test_the_workspace_has_a_code_location_for_each_tenant() -> None:
    workspace = yaml.safe_load(run("tenants", "--workspace").out)
    assert workspace == run("tenants", "--workspace", "--json").document
    assert workspace["load_from"][1] == {
        "python_module": {
            "module_name": "cw_pipeline.tenants",
            "attribute": "globex",
            "location_name": "globex",
        }
    }


@pytest.mark.parametrize("new_database_url", ["sqlite"], indirect=True)
def test_without_tenants_the_list_says_how_to_have_some(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()
    answer = run("tenants")
    assert answer.code == 2
    assert "Write tenants/<key>.yaml for each" in answer.sentence


def test_commands_work_for_the_tenant_that_is_named(folder: Path, shared: Sandbox) -> None:
    with definitions_of("acme"):
        assert run("--tenant", "acme", "connect", "--json").document["site_url"] == shared.url
        assert run("--tenant", "acme", "products", "map", "Business", "NORDPASS-BUS").code == 0
        answer = run("--tenant", "acme", "status")
        assert "run `cw-pipeline --tenant acme products confirm`" in answer.out
        assert run("--tenant", "acme", "products", "confirm").code == 0
        assert run("--tenant", "acme", "import", "--type", "Client", "--status", "Active").code == 0
        synced = run("--tenant", "acme", "sync", "--json")
        assert synced.code == 0
        assert [month["month"] for month in synced.document["months"]] == [str(LAST_CLOSED)]
        healthy = run("--tenant", "acme", "health", "--json").document
        assert healthy["tenant"] == "acme"
        disconnected = run("--tenant", "acme", "disconnect", "--yes", "--json").document
        assert disconnected["backup_file"].startswith(f"{folder.parent}/tenants/acme/mappings-")
    assert run("--tenant", "globex", "status", "--json").document["state"] == "not_connected"
    assert run("--tenant", "", "status", "--json").document["state"] == "not_connected"


@pytest.mark.parametrize("new_database_url", ["sqlite"], indirect=True)
def test_a_tenant_has_a_sandbox_of_its_own(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    for_globex = ["--tenant", "globex"]
    assert run(*for_globex, "sandbox", "--port", port, "--", str(PROGRAM), *for_globex, "connect", "--json").code == 0
    assert json.loads(capfd.readouterr().out)["site_url"] == f"https://localhost:{port}"
    assert (folder.parent / "tenants" / "globex" / "sandbox" / "ca.pem").exists()


@pytest.mark.parametrize("new_database_url", ["sqlite"], indirect=True)
def test_an_unknown_tenant_is_an_error_of_usage(folder: Path) -> None:
    answer = run("--tenant", "initech", "status", "--json")
    assert answer.code == 2
    assert answer.document["error"].startswith(f"There is no tenant initech: no file {folder}/initech.yaml.")


@pytest.mark.parametrize("new_database_url", ["sqlite"], indirect=True)
@pytest.mark.usefixtures("folder")
def test_a_tenant_without_credentials_is_told_which(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONNECTWISE_SITE_URL", "https://of-another.example.com")
    with definitions_of("globex"):
        answer = run("--tenant", "globex", "connect")
    assert answer.code == 2
    assert answer.sentence.startswith("GLOBEX_CONNECTWISE_SITE_URL, ")
