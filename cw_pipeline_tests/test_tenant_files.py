"""A tenant's file and its settings: what is its own, what it shares, and what is said where something is wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from cw_pipeline.settings import Heartbeat, Messages, NotSetUp, Settings
from cw_pipeline.tenant_file import FOLDER_VARIABLE, TenantUnusable, current_tenant, read_tenant, tenant_files
from cw_pipeline.vocabulary import Month
from cw_pipeline_tests.support.active import use
from cw_pipeline_tests.support.tenants import serving, use_tenants

if TYPE_CHECKING:
    from pathlib import Path

SECRETS = ("CONNECTWISE_PUBLIC_KEY", "CONNECTWISE_PRIVATE_KEY", "CONNECTWISE_CLIENT_ID", "NORDPASS_PRIVATE_KEY")


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder of one tenant's file, which is empty."""
    return use_tenants(monkeypatch, tmp_path, {"acme": None})


def test_a_process_without_a_key_serves_no_tenant(folder: Path) -> None:
    assert tenant_files() == [folder / "acme.yaml"]
    assert current_tenant() is None


@pytest.mark.usefixtures("folder")
def test_an_empty_file_is_a_tenant_with_every_default() -> None:
    tenant = read_tenant("acme")
    assert (tenant.key, tenant.environment_prefix, tenant.schedule.cron) == ("acme", "ACME_", "30 0 1 * *")
    assert (tenant.secrets_folder, tenant.first_month) == (None, None)


def test_a_file_says_prefix_schedule_and_first_month(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "acme.yaml").write_text(
        "environment_prefix: CLIENT_7_\nschedule: {day: 3, hour: 10, minute: 5}\nfirst_month: 2026-02\n"
    )
    monkeypatch.setenv("CLIENT_7_CONNECTWISE_COMPANY_ID", "seven")
    with serving("acme") as settings:
        assert (settings.connectwise_company_id, settings.cw_pipeline_first_month) == ("seven", Month(2026, 2))
        assert settings.schedule.cron == "5 10 3 * *"
        assert settings.schedule.after_month == timedelta(days=2, hours=10, minutes=5)
        assert settings.schedule.next_tick(datetime(2026, 3, 3, 10, 5, tzinfo=UTC)) == datetime(
            2026, 4, 3, 10, 5, tzinfo=UTC
        )


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("prefix: X_", "prefix is no field of a tenant"),
        ("schedule: {day: 1, hour: 0, minute: 29}", "schedule cannot be used: it must be at 00:30 on day 1 or later"),
        ("schedule: {day: 31, hour: 0, minute: 0}", "schedule.day cannot be used: .* less than or equal to 28"),
        ("schedule: {day: 2, hour: 4}", "schedule.minute is missing"),
        ("schedule: {day: true, hour: 4, minute: 0}", "schedule.day cannot be used: .* integer"),
        ("schedule: 30 0 1 * *", "schedule must have fields of its own: {day: 1, hour: 0, minute: 30}"),
        ("first_month: 2026-13", "first_month cannot be used: a month such as 2025-01 is expected"),
        ("first_month: 2026", "first_month cannot be used: a month such as 2025-01 is expected"),
        ("environment_prefix: acme", "environment_prefix cannot be used"),
        ("- acme", "must have a field on each line"),
        ("schedule: {", "cannot be read: .* line 1"),
    ],
)
def test_a_wrong_file_is_refused_naming_file_and_field(folder: Path, text: str, fault: str) -> None:
    (folder / "acme.yaml").write_text(text)
    with pytest.raises(TenantUnusable, match=rf"^{folder}/acme\.yaml:? {fault}") as refused:
        read_tenant("acme")
    assert "\n" not in str(refused.value)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("key", ["Acme", "acme-corp", "7up", "a" * 32, "public", "pg_catalog", "information_schema"])
def test_a_key_that_names_no_schema_is_refused(key: str) -> None:
    with pytest.raises(TenantUnusable, match="cannot be a tenant's key"):
        read_tenant(key)


def test_a_tenant_without_a_file_is_refused_naming_the_file(folder: Path) -> None:
    with pytest.raises(TenantUnusable, match=rf"There is no tenant globex: no file {folder}/globex\.yaml"):
        read_tenant("globex")


@pytest.mark.usefixtures("folder")
def test_credentials_are_never_those_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*SECRETS, "CONNECTWISE_SITE_URL", "CONNECTWISE_COMPANY_ID", "NORDPASS_API_URL", "NORDPASS_MSP_ID"):
        monkeypatch.setenv(name, "https://of-another.example.com")
        monkeypatch.setenv(f"GLOBEX_{name}", "https://of-another.example.com")
    monkeypatch.setenv("ACME_CONNECTWISE_SITE_URL", "https://acme.example.com")
    with serving("acme") as settings, pytest.raises(NotSetUp) as refused:
        settings.required("CONNECTWISE_PUBLIC_KEY")
    assert str(refused.value).startswith(
        "ACME_CONNECTWISE_COMPANY_ID, ACME_CONNECTWISE_PUBLIC_KEY, ACME_CONNECTWISE_PRIVATE_KEY, "
        "ACME_CONNECTWISE_CLIENT_ID, ACME_NORDPASS_API_URL, ACME_NORDPASS_MSP_ID, ACME_NORDPASS_PRIVATE_KEY are not "
        "set."
    )


@pytest.mark.usefixtures("folder")
def test_what_a_tenant_does_not_set_is_the_deployments(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "CW_PIPELINE_DATABASE_URL": "postgresql://shared",
        "CONNECTWISE_REQUESTS_PER_MINUTE": "60",
        "ACME_CONNECTWISE_REQUESTS_PER_MINUTE": "30",
        "CW_PIPELINE_NOTIFY": "json://everybody",
        "GLOBEX_CW_PIPELINE_NOTIFY": "json://globex",
    }.items():
        monkeypatch.setenv(name, value)
    with serving("acme") as settings:
        assert settings.connectwise_requests_per_minute == 30
        assert settings.database_url == SecretStr("postgresql://shared")
        assert Messages().cw_pipeline_notify == SecretStr("json://everybody")


@pytest.mark.usefixtures("folder")
def test_a_tenant_pings_only_its_own_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CW_PIPELINE_HEARTBEAT_URL", "https://of-all.example.com")
    with serving("acme"):
        assert Heartbeat().cw_pipeline_heartbeat_url is None
        monkeypatch.setenv("ACME_CW_PIPELINE_HEARTBEAT_URL", "https://of-acme.example.com")
        assert Heartbeat().cw_pipeline_heartbeat_url == SecretStr("https://of-acme.example.com")


@pytest.mark.usefixtures("folder")
def test_a_wrong_setting_is_named_with_its_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_CONNECTWISE_MAX_CONCURRENCY", "many")
    with pytest.raises(NotSetUp, match=r"^ACME_CONNECTWISE_MAX_CONCURRENCY cannot be used"), serving("acme"):
        pass


@pytest.mark.parametrize("name", SECRETS)
def test_a_tenants_secrets_are_files_in_its_folder(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    (folder / "acme.yaml").write_text("secrets_folder: of_acme\n")
    (folder / "of_acme").mkdir()
    with serving("acme") as settings, pytest.raises(NotSetUp, match=rf"Or write files into {folder}/of_acme"):
        settings.required(name)
    (folder / "of_acme" / name).write_text("very secret\n")
    with serving("acme") as settings:
        assert settings.required(name) == "very secret"
    monkeypatch.setenv(f"ACME_{name}", "another")
    with pytest.raises(NotSetUp, match=f"of_acme/{name} and ACME_{name} are both set"), serving("acme"):
        pass


def test_a_wrong_file_is_named_by_every_setting_that_is_read(folder: Path) -> None:
    (folder / "acme.yaml").write_text("nothing: known")
    for settings in (Settings, Messages):
        with pytest.raises(TenantUnusable, match="nothing is no field"), serving("acme"):
            settings()


def test_the_files_are_looked_for_in_the_working_directory_by_itself(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    use(monkeypatch, {FOLDER_VARIABLE: ""})
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TenantUnusable, match=rf"no file {tmp_path}/tenants/acme\.yaml"):
        read_tenant("acme")
