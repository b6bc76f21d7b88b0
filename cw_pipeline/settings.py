"""The environment as typed settings; the only place that reads environment variables of this product.

Secrets are kept as `SecretStr`, which no `repr`, log or error prints. Each can be given as a file instead, whose path
is in the variable `…_FILE`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from cw_pipeline.errors import USAGE_ERROR, CwPipelineError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


class NotSetUp(CwPipelineError):
    """A setting is missing or cannot be used."""

    exit_code = USAGE_ERROR


class _Environment(BaseSettings):
    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True, extra="ignore", hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _read_secret_files(cls, given: dict[str, object]) -> dict[str, object]:
        secrets = [name for name, field in cls.model_fields.items() if field.annotation == SecretStr | None]
        files = {name: file for name in secrets if (file := os.environ.get(f"{name}_file".upper()))}
        for name in files.keys() & given.keys():
            raise ValueError(f"{name.upper()} and {name.upper()}_FILE are both set. Set only one of them")
        return given | {name: _read_secret(f"{name}_file".upper(), file) for name, file in files.items()}


class FirstMonth(_Environment):
    """The one setting that is needed to load the project, read by itself so that no other can prevent that."""

    cw_pipeline_first_month: str = Field(default="2025-01", pattern=r"^\d{4}-(0[1-9]|1[0-2])$")


class Messages(_Environment):
    """Whom to tell, read by itself so that people are told also of a setting that cannot be used."""

    cw_pipeline_notify: SecretStr | None = None
    cw_pipeline_dagster_url: str | None = None


class Heartbeat(_Environment):
    """Who is told that all is well, read by itself so that it can neither prevent an alert nor a sync."""

    cw_pipeline_heartbeat_url: SecretStr | None = None
    cw_pipeline_heartbeat_ca_bundle: Path | None = None


class Settings(FirstMonth):
    """The settings, read from the environment when an instance is made, but for those that are given `instead`.

    Raises:
        NotSetUp: If one has a value that cannot be used.
    """

    connectwise_site_url: str | None = None
    connectwise_company_id: str | None = None
    connectwise_public_key: SecretStr | None = None
    connectwise_private_key: SecretStr | None = None
    connectwise_client_id: SecretStr | None = None
    connectwise_ca_bundle: Path | None = None
    connectwise_requests_per_minute: int = Field(default=900, ge=1)
    connectwise_max_concurrency: int = Field(default=4, ge=1)

    nordpass_api_url: str | None = None
    nordpass_msp_id: str | None = None
    nordpass_private_key: SecretStr | None = None
    nordpass_ca_bundle: Path | None = None
    nordpass_usage_dir: Path | None = None

    cw_pipeline_database_url: SecretStr | None = None
    cw_pipeline_home: Path = Path(".cw_pipeline")
    cw_pipeline_keep_previews: int = Field(default=365, ge=1, le=36_500)
    """Days."""

    def __init__(self, **instead: Any) -> None:  # noqa: ANN401 - a value for any of the settings
        try:
            super().__init__(**instead)
        except ValidationError as error:
            faults = "; ".join(map(_fault, error.errors()))
        else:
            return
        # Outside of the handler, because the error's own traceback has every setting's value, the secrets' too.
        msg = f"{faults}. Correct that in the environment and try again."
        raise NotSetUp(msg)

    @field_validator("cw_pipeline_home")
    @classmethod
    def _absolute(cls, home: Path) -> Path:
        return home.absolute()

    @property
    def database_url(self) -> SecretStr:
        """The warehouse's URL: the one given, or an SQLite file in the home folder."""
        return self.cw_pipeline_database_url or SecretStr(f"sqlite:///{self.cw_pipeline_home / 'warehouse.db'}")

    @property
    def missing(self) -> list[str]:
        """The variables that are needed and not set."""
        needed = [
            "CONNECTWISE_SITE_URL",
            "CONNECTWISE_COMPANY_ID",
            "CONNECTWISE_PUBLIC_KEY",
            "CONNECTWISE_PRIVATE_KEY",
            "CONNECTWISE_CLIENT_ID",
        ]
        if self.nordpass_usage_dir is None:
            needed += ["NORDPASS_API_URL", "NORDPASS_MSP_ID", "NORDPASS_PRIVATE_KEY"]
        return [name for name in needed if getattr(self, name.lower()) is None]

    def required(self, name: str) -> str:
        """The text of the setting whose environment variable is `name`.

        Raises:
            NotSetUp: If it is not set; names every other one that is missing, too.
        """
        value = getattr(self, name.lower())
        if value is None:
            missing = self.missing
            are, them = ("are", "them") if len(missing) > 1 else ("is", "it")
            msg = (
                f"{', '.join(missing)} {are} not set. Set {them} in the environment and try again. "
                "A key can also be a file, whose path is in the variable with _FILE at its end."
            )
            raise NotSetUp(msg)
        return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


def _read_secret(variable: str, file: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ValueError(f"{variable} names {file}, which cannot be read: {reason}") from None


def _fault(detail: ErrorDetails) -> str:
    if not detail["loc"]:
        return detail["msg"].removeprefix("Value error, ")
    variable = str(detail["loc"][0]).upper()
    pattern = detail["type"] == "string_pattern_mismatch"
    return f"{variable} cannot be used: {'a month such as 2025-01 is expected' if pattern else detail['msg']}"
