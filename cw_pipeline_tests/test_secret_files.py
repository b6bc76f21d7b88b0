from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from cw_pipeline.settings import Heartbeat, Messages, NotSetUp, Settings
from cw_pipeline_tests.support.active import use

if TYPE_CHECKING:
    from pathlib import Path

SECRETS = [
    "CONNECTWISE_PUBLIC_KEY",
    "CONNECTWISE_PRIVATE_KEY",
    "CONNECTWISE_CLIENT_ID",
    "NORDPASS_PRIVATE_KEY",
    "CW_PIPELINE_DATABASE_URL",
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A secret as Docker and Kubernetes mount it."""
    file = tmp_path / "secret"
    file.write_text("very secret\n")
    return file


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_is_read_from_its_file(name: str, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, {f"{name}_FILE": str(file)})
    assert Settings().required(name) == "very secret"


def test_the_addresses_of_alerts_are_read_from_their_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, {"CW_PIPELINE_NOTIFY_FILE": str(file)})
    assert Messages().cw_pipeline_notify == SecretStr("very secret")


def test_the_address_of_the_heartbeat_is_read_from_its_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, {"CW_PIPELINE_HEARTBEAT_URL_FILE": str(file)})
    assert Heartbeat().cw_pipeline_heartbeat_url == SecretStr("very secret")


def test_an_empty_file_is_no_secret(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text("\n")
    use(monkeypatch, {"CW_PIPELINE_NOTIFY_FILE": str(file)})
    assert Messages().cw_pipeline_notify is None


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_given_twice_is_refused_and_not_shown(name: str, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, {name: "another secret", f"{name}_FILE": str(file)})
    with pytest.raises(NotSetUp, match=f"^{name} and {name}_FILE are both set. Set only one of them") as refused:
        Settings()
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(("content", "reason"), [(None, "No such file"), (b"\xff\xfe", "it is not text")])
def test_a_secret_file_that_cannot_be_read_is_named(
    content: bytes | None, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "key.pem"
    if content is not None:
        file.write_bytes(content)
    use(monkeypatch, {"NORDPASS_PRIVATE_KEY_FILE": str(file)})
    with pytest.raises(NotSetUp, match=rf"^NORDPASS_PRIVATE_KEY_FILE names .*key\.pem.*{reason}"):
        Settings()
