"""The files of deploy/ hold what docs/operations.md promises of them; `make lint` checks their form."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
import yaml
from pydantic import SecretStr

from cw_pipeline.orchestration.celery_launcher import CheckedCeleryRunLauncher
from cw_pipeline.settings import Heartbeat, Messages, Settings
from cw_pipeline_tests.support.deployment import COMPOSE, DEPLOY, installation

if TYPE_CHECKING:
    from pathlib import Path

SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if str(service["image"]).startswith("cw_pipeline:")}
SECRETS = {
    f"{name}_file".upper()
    for name, field in (Settings.model_fields | Messages.model_fields | Heartbeat.model_fields).items()
    if field.annotation == SecretStr | None
}
VALUES: dict[str, Any] = yaml.safe_load((DEPLOY / "values.yaml").read_text())
(POD,) = VALUES["dagster-user-deployments"]["deployments"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_can_write_nothing_but_its_volumes_and_has_no_rights(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["logging"] == {"driver": "local"}
    assert service["restart"] == ("no" if name == "migrate" else "unless-stopped")


def test_the_image_is_built_from_all_that_the_wheel_needs() -> None:
    project = DEPLOY.parent
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    sent = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    elsewhere = [file.resolve() for file in (project / "cw_pipeline").rglob("*") if file.is_symlink()]
    assert {file.relative_to(project).parts[0] for file in elsewhere} <= sent
    assert {"LICENSE", "README.md", "constraints.txt", "cw_pipeline", "deploy", "pyproject.toml"} <= sent
    assert {"deploy/.env", "deploy/secrets"} <= set(ignored)


def test_the_daemon_s_health_check_reads_the_storage_s_address_from_a_file() -> None:
    kind, *command = SERVICES["daemon"]["healthcheck"]["test"]
    assert (kind, command) == ("CMD", ["entrypoint", "dagster-daemon", "liveness-check"])


def test_nobody_is_root() -> None:
    assert {name: service["user"] for name, service in SERVICES.items() if name not in OURS} == {
        "postgres": "postgres",
        "redis": "redis",
    }
    assert re.findall(r"^USER (.+)$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE) == ["10001"]
    for part in (POD, VALUES["dagsterWebserver"], VALUES["dagsterDaemon"]):
        assert part["podSecurityContext"]["runAsNonRoot"]
        assert part["securityContext"]["readOnlyRootFilesystem"]


def test_only_the_webserver_is_published_and_only_on_loopback() -> None:
    assert {name: service["ports"] for name, service in SERVICES.items() if "ports" in service} == {
        "webserver": ["127.0.0.1:3000:3000"]
    }
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    assert SERVICES["postgres"]["networks"] == SERVICES["redis"]["networks"] == ["inside"]


def test_nothing_of_ours_starts_before_the_database_is_ready_and_migrated() -> None:
    assert SERVICES["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    for name in OURS.keys() - {"migrate"}:
        assert SERVICES[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}


def test_there_is_one_daemon() -> None:
    assert SERVICES["daemon"]["deploy"] == {"replicas": 1}


@pytest.mark.parametrize("name", OURS)
def test_every_secret_of_ours_is_a_file(name: str) -> None:
    environment: dict[str, str] = SERVICES[name]["environment"]
    files = {variable for variable in environment if variable.endswith("_FILE")}
    assert files == SECRETS | {"DAGSTER_POSTGRES_URL_FILE"}
    given = {f"/run/secrets/{secret}" for secret in SERVICES[name]["secrets"]}
    assert {environment[variable] for variable in files} == given
    assert given <= {f"/run/secrets/{secret}" for secret in COMPOSE["secrets"]}


def test_every_secret_of_a_pod_is_a_file() -> None:
    given = {one["name"] for one in POD["env"]}
    assert {name for name in given if name.endswith("_FILE")} == SECRETS
    assert {name.lower() for name in given - SECRETS} <= Settings.model_fields.keys()


def test_the_chart_is_told_what_dagster_yaml_says() -> None:
    ours = yaml.safe_load((DEPLOY / "dagster.yaml").read_text())
    daemon = VALUES["dagsterDaemon"]
    assert {_snake(name): value for name, value in daemon["runMonitoring"].items()} == ours["run_monitoring"]
    assert daemon["runRetries"] == ours["run_retries"]
    assert VALUES["concurrency"] == {
        "enabled": True,
        "pools": {"granularity": "run", "defaultLimit": ours["concurrency"]["pools"]["default_limit"]},
        "runs": {
            "maxConcurrentRuns": ours["concurrency"]["runs"]["max_concurrent_runs"],
            "tagConcurrencyLimits": ours["concurrency"]["runs"]["tag_concurrency_limits"],
        },
    }
    for kind, ticks in ours["retention"].items():
        forever = {"started": -1}  # the chart wants it said
        assert VALUES["retention"][kind]["purgeAfterDays"] == ticks["purge_after_days"] | forever
    assert VALUES["telemetry"] == ours["telemetry"]
    assert VALUES["pythonLogs"]["dagsterHandlerConfig"] == ours["python_logs"]["dagster_handler_config"]


def test_a_run_has_a_place_in_a_worker() -> None:
    workers = SERVICES["worker"]["deploy"]["replicas"]
    runs = yaml.safe_load((DEPLOY / "dagster.yaml").read_text())["concurrency"]["runs"]["max_concurrent_runs"]
    (most,) = re.findall(r"--autoscale=(\d+),1", " ".join(SERVICES["worker"]["command"]))
    assert workers * int(most) == runs


@pytest.mark.parametrize("name", ["code", "webserver", "daemon", "worker"])
def test_the_installation_without_containers_starts_the_same_services(name: str) -> None:
    command = " ".join(SERVICES[name]["command"]).replace("0.0.0.0", "127.0.0.1")
    assert command.replace("--autoscale=10,1", "--autoscale=20,1") in installation(command.split()[0])


def test_dagster_takes_both_parts_of_its_settings_as_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres_database_url: str
) -> None:
    (tmp_path / "dagster.yaml").write_text((DEPLOY / "dagster.yaml").read_text() + (DEPLOY / "celery.yaml").read_text())
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", postgres_database_url)
    for name in ("CELERY_BROKER_URL", "CELERY_RESULT_BACKEND"):
        monkeypatch.setenv(name, SERVICES["worker"]["environment"][name])
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert isinstance(instance.run_launcher, CheckedCeleryRunLauncher)
        assert instance.run_launcher.broker == "redis://redis:6379/0"


def _snake(name: str) -> str:
    return re.sub(r"[A-Z]", lambda letter: f"_{letter[0].lower()}", name)
