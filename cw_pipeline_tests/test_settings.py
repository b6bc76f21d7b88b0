from __future__ import annotations

import traceback

import dagster as dg
import pytest

from cw_pipeline.orchestration.failures import failing_the_run
from cw_pipeline.orchestration.resources import Access
from cw_pipeline.settings import Messages, NotSetUp, Settings
from cw_pipeline_tests.support.active import use

SECRETS = {
    "CONNECTWISE_PUBLIC_KEY": "a-public-key",
    "CONNECTWISE_PRIVATE_KEY": "a-private-key",
    "CONNECTWISE_CLIENT_ID": "a-client-id",
    "NORDPASS_PRIVATE_KEY": "a-signing-key",
    "CW_PIPELINE_DATABASE_URL": "postgresql://cw:a-password@localhost/cw",
    "CW_PIPELINE_NOTIFY": "json://localhost/a-token",
}


@pytest.fixture(autouse=True)
def _one_setting_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, {**SECRETS, "CONNECTWISE_REQUESTS_PER_MINUTE": "many"})


def test_an_unusable_setting_is_named_without_showing_others() -> None:
    with pytest.raises(NotSetUp, match=r"CONNECTWISE_REQUESTS_PER_MINUTE cannot be used: .* integer") as caught:
        Settings()
    report = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    text = "".join(report.format())
    assert "faults = " in text
    assert [secret for secret in SECRETS.values() if secret in text] == []


def test_no_variable_is_taken_for_the_tenant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENANT", "acme")
    assert Messages().tenant is None


def test_a_setting_that_cannot_be_used_fails_a_run_with_its_sentence() -> None:
    with (
        pytest.raises(dg.Failure, match="CONNECTWISE_REQUESTS_PER_MINUTE cannot be used"),
        failing_the_run(),
        Access().connectwise(),
    ):
        pass
