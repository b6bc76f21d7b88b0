"""Typed settings from the environment; the only place that reads this product's environment variables.

Secrets are `SecretStr`, which no `repr`, log or error prints. A secret may be in a file instead, whose path is in the
variable `…_FILE`.

A tenant's variables have its prefix. Those of its ConnectWise and NordPass must be its own; for any other, the variable
without prefix is the default, so that a deployment sets it once for all.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator

from cw_pipeline.errors import USAGE_ERROR, CwPipelineError
from cw_pipeline.tenant_file import DEFAULT_SCHEDULE, MonthField, MonthlySchedule, Tenant, current_tenant
from cw_pipeline.vocabulary import Month

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_CONNECTWISE = (
    "CONNECTWISE_SITE_URL",
    "CONNECTWISE_COMPANY_ID",
    "CONNECTWISE_PUBLIC_KEY",
    "CONNECTWISE_PRIVATE_KEY",
    "CONNECTWISE_CLIENT_ID",
)
_NORDPASS = ("NORDPASS_API_URL", "NORDPASS_MSP_ID", "NORDPASS_PRIVATE_KEY")
_OWN = frozenset({*_CONNECTWISE, *_NORDPASS, "NORDPASS_USAGE_DIR", "CW_PIPELINE_HEARTBEAT_URL"})
"""What a tenant never takes from the deployment. A ping for one tenant says nothing of another."""


class NotSetUp(CwPipelineError):
    """A setting is missing or cannot be used."""

    exit_code = USAGE_ERROR


class _Environment(BaseModel):
    """Settings for the tenant that this process serves or, without tenants, for the whole deployment."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, hide_input_in_errors=True)

    tenant: Tenant | None = None

    @model_validator(mode="before")
    @classmethod
    def _read(cls, given: dict[str, object]) -> dict[str, object]:
        tenant = current_tenant()
        read: dict[str, object] = {"tenant": tenant}
        for name, field in cls.model_fields.items():
            if name == "tenant":
                continue
            values = _values(name.upper(), tenant, secret=field.annotation == SecretStr | None)
            if len(values) > 1:
                raise ValueError(f"{' and '.join(values)} are both set. Set only one of them")
            if values:
                (read[name],) = values.values()
        if tenant is not None and tenant.first_month is not None and "cw_pipeline_first_month" in cls.model_fields:
            read["cw_pipeline_first_month"] = tenant.first_month
        return read | given


class FirstMonth(_Environment):
    """The one setting that loading the project needs, read alone so that no other can prevent that."""

    cw_pipeline_first_month: MonthField = Month(2025, 1)
    """The first month that can be synced, and the first partition."""


class Messages(_Environment):
    """Where alerts go, read alone so that people are also told of a setting that cannot be used."""

    cw_pipeline_notify: SecretStr | None = None
    """Where alerts go: one or more apprise addresses, separated by spaces."""
    cw_pipeline_dagster_url: str | None = None
    """The address of the Dagster UI, for links in messages."""


class Heartbeat(_Environment):
    """Where pings go while all is well, read alone so that they can prevent neither an alert nor a sync."""

    cw_pipeline_heartbeat_url: SecretStr | None = None
    """The `https://` address that is requested each day on which every daily check passed."""
    cw_pipeline_heartbeat_ca_bundle: Path | None = None
    """PEM file of that address's private certificate authority."""


class Systems(FirstMonth):
    """Which ConnectWise and NordPass, without a secret."""

    connectwise_site_url: str | None = None
    """The site, such as `https://na.myconnectwise.net`, with or without `api-`; HTTPS only."""
    connectwise_company_id: str | None = None
    """The company id that people type to sign in to ConnectWise."""
    nordpass_api_url: str | None = None
    """The address of the Provider API, whose contract is an assumption; HTTPS only."""
    nordpass_usage_dir: Path | None = None
    """Instead of the Provider API: a folder with the panel's monthly usage exports."""


class Approval(_Environment):
    """Who decides that a month is pushed, read alone so that no other setting can make the schedule push it."""

    cw_pipeline_approval: Literal["none", "required"] = "none"
    """`none`: the schedule pushes; `required`: it only previews, and a person approves what is pushed."""

    @property
    def approval_required(self) -> bool:
        """Whether the schedule only previews, and a person approves what is pushed."""
        return self.cw_pipeline_approval == "required"


class Settings(Systems, Approval):
    """All settings of a sync, read from the environment when an instance is created, except those given `instead`.

    Raises:
        NotSetUp: If a value cannot be used.
    """

    connectwise_public_key: SecretStr | None = None
    """The API member's public key."""
    connectwise_private_key: SecretStr | None = None
    """The API member's private key."""
    connectwise_client_id: SecretStr | None = None
    """The integration's client id, from ConnectWise's developer site."""
    connectwise_ca_bundle: Path | None = None
    """PEM file of a private certificate authority; verification is never switched off."""
    connectwise_requests_per_minute: int = Field(default=900, ge=1)
    """The most requests that are sent to ConnectWise in a minute."""
    connectwise_max_concurrency: int = Field(default=4, ge=1)
    """The most requests that wait for ConnectWise at once."""

    nordpass_msp_id: str | None = None
    """The MSP's id in NordPass."""
    nordpass_private_key: SecretStr | None = None
    """The private RSA key that requests are signed with, as PEM."""
    nordpass_ca_bundle: Path | None = None
    """PEM file of a private certificate authority; verification is never switched off."""

    cw_pipeline_database_url: SecretStr | None = None
    """The warehouse. Default: an SQLite file in `CW_PIPELINE_HOME`; in production `postgresql://…`."""
    cw_pipeline_home: Path = Path(".cw_pipeline")
    """The folder that files are kept in, from the working directory."""
    cw_pipeline_keep_previews: int = Field(default=365, ge=1, le=36_500)
    """Days after which a preview that was never pushed is deleted; the last one of each month stays."""

    cw_pipeline_unusual: Literal["warn", "hold"] = "warn"
    """What happens with unusual usage: `warn`, and bill it, or `hold` it until a person releases it."""
    cw_pipeline_unusual_percent: int = Field(default=50, ge=1)
    """A change since the last month that was billed is unusual from this percentage on, and from the seats below."""
    cw_pipeline_unusual_seats: int = Field(default=10, ge=1)
    """From how many seats on such a change is unusual."""
    cw_pipeline_unusual_first_seats: int = Field(default=100, ge=1)
    """From how many seats on the usage of an organization that was not billed before is unusual."""

    def __init__(self, **instead: Any) -> None:  # noqa: ANN401 - a value of any setting
        try:
            super().__init__(**instead)
        except ValidationError as error:
            faults = "; ".join(map(_fault, error.errors()))
        else:
            return
        # Outside the handler, because the error's traceback has every setting's value, secrets included.
        raise NotSetUp(f"{faults}. Correct that in the environment and try again.")

    @field_validator("cw_pipeline_home")
    @classmethod
    def _absolute(cls, home: Path) -> Path:
        return home.absolute()

    @property
    def database_url(self) -> SecretStr:
        """The warehouse's URL; by default an SQLite file in the home folder."""
        return self.cw_pipeline_database_url or SecretStr(f"sqlite:///{self.cw_pipeline_home / 'warehouse.db'}")

    @property
    def tenant_key(self) -> str | None:
        """The tenant's key; None without one."""
        return self.tenant.key if self.tenant else None

    @property
    def own_folder(self) -> Path:
        """The folder for files of this integration alone: the home folder, or the tenant's folder in it."""
        return self.cw_pipeline_home / "tenants" / self.tenant.key if self.tenant else self.cw_pipeline_home

    @property
    def schedule(self) -> MonthlySchedule:
        """When months are synced."""
        return self.tenant.schedule if self.tenant else DEFAULT_SCHEDULE

    @property
    def missing(self) -> list[str]:
        """The required variables that are not set."""
        needed = _CONNECTWISE if self.nordpass_usage_dir is not None else _CONNECTWISE + _NORDPASS
        return [_names(name, self.tenant)[0] for name in needed if getattr(self, name.lower()) is None]

    def required(self, name: str) -> str:
        """The value of the environment variable `name`.

        Raises:
            NotSetUp: If it is not set; the error names every missing variable.
        """
        value = getattr(self, name.lower())
        if value is None:
            missing = self.missing
            are, them = ("are", "them") if len(missing) > 1 else ("is", "it")
            msg = (
                f"{', '.join(missing)} {are} not set. Set {them} in the environment and try again. "
                "A key can also be a file, whose path is in the variable with _FILE at its end."
            )
            if self.tenant is not None and self.tenant.secrets_folder is not None:
                msg += f" Or write files into {self.tenant.secrets_folder}, named as the variables but without prefix."
            raise NotSetUp(msg)
        return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


def _names(variable: str, tenant: Tenant | None) -> tuple[str, ...]:
    """The names under which a variable is looked for, in order."""
    if tenant is None:
        return (variable,)
    own = f"{tenant.environment_prefix}{variable}"
    return (own,) if variable in _OWN else (own, variable)


def _values(variable: str, tenant: Tenant | None, *, secret: bool) -> dict[str, str]:
    """A variable's values, by where each is set; more than one is a mistake."""
    values: dict[str, str] = {}
    if tenant is not None and tenant.secrets_folder is not None:
        file = str(tenant.secrets_folder / variable)
        if value := _read_secret("secrets_folder", file, optional=True):
            values[file] = value
    for name in _names(variable, tenant):
        if value := os.environ.get(name):
            values[name] = value
        file = os.environ.get(f"{name}_FILE") if secret else None
        if file and (value := _read_secret(f"{name}_FILE", file)):
            values[f"{name}_FILE"] = value
        if values:
            break
    return values


def _read_secret(named_by: str, file: str, *, optional: bool = False) -> str:
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        if optional and isinstance(error, FileNotFoundError):
            return ""
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ValueError(f"{named_by} names {file}, which cannot be read: {reason}") from None


def _fault(detail: ErrorDetails) -> str:
    if not detail["loc"]:
        return detail["msg"].removeprefix("Value error, ")
    names = _names(str(detail["loc"][0]).upper(), current_tenant())
    variable = next((name for name in names if os.environ.get(name)), names[0])
    return f"{variable} cannot be used: {detail['msg'].removeprefix('Value error, ')}"
