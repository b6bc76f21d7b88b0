"""A tenant's file: one of several ConnectWise companies that a deployment serves.

It is `<key>.yaml` in the folder `CW_PIPELINE_TENANTS`. A process serves one tenant, whose key is in
`CW_PIPELINE_TENANT`; without a key it serves the one company that the environment names.
"""

from __future__ import annotations

import os
import re
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from cw_pipeline.errors import USAGE_ERROR, CwPipelineError
from cw_pipeline.vocabulary import Month

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

VARIABLE, FOLDER_VARIABLE = "CW_PIPELINE_TENANT", "CW_PIPELINE_TENANTS"
_KEY = re.compile(r"(?!pg_|public$|information_schema$)[a-z][a-z0-9_]{0,30}")
"""A key is also the name of a PostgreSQL schema."""
_EARLIEST = timedelta(minutes=30)
"""How long after a month's end its report may first be read."""


def _month(value: object) -> Month:
    try:
        return value if isinstance(value, Month) else Month.parse(str(value))
    except ValueError:
        raise ValueError("a month such as 2025-01 is expected") from None


MonthField = Annotated[Month, BeforeValidator(_month)]
"""A month, written like `2025-01`."""


class TenantUnusable(CwPipelineError):
    """A tenant's file is missing or wrong."""

    exit_code = USAGE_ERROR


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class MonthlySchedule(_Part):
    """When a month's sync is due, in UTC, in the month after it: at 00:30 on the 1st or later."""

    day: int = Field(ge=1, le=28, strict=True)
    hour: int = Field(ge=0, le=23, strict=True)
    minute: int = Field(ge=0, le=59, strict=True)

    @model_validator(mode="after")
    def _not_before_reports(self) -> Self:
        if self.after_month < _EARLIEST:
            raise ValueError("it must be at 00:30 on day 1 or later")
        return self

    @property
    def after_month(self) -> timedelta:
        """How long after the month's end the sync is due."""
        return timedelta(days=self.day - 1, hours=self.hour, minutes=self.minute)

    @property
    def cron(self) -> str:
        """The cron schedule."""
        return f"{self.minute} {self.hour} {self.day} * *"

    def next_tick(self, now: datetime) -> datetime:
        """The first time after `now` at which a sync is due."""
        month = Month.last_closed(now)
        tick = month.closes_at + self.after_month
        return tick if tick > now else month.plus(1).closes_at + self.after_month


DEFAULT_SCHEDULE = MonthlySchedule(day=1, hour=0, minute=30)


class Tenant(_Part):
    """A tenant, as its file describes it.

    Attributes:
        key: The file's name without its ending.
        environment_prefix: The prefix of the tenant's environment variables.
        secrets_folder: A folder in which any of these variables may instead be a file, named without the prefix.
        schedule: When its months are synced.
        first_month: The first month that is ever synced; None for the environment's.
    """

    key: str
    environment_prefix: str = Field(pattern=r"^[A-Z][A-Z0-9_]*_$")
    secrets_folder: Path | None = None
    schedule: MonthlySchedule = DEFAULT_SCHEDULE
    first_month: MonthField | None = None


def current_tenant() -> Tenant | None:
    """The tenant that this process serves; None for the one company that the environment names.

    Raises:
        TenantUnusable: If its file is missing or wrong.
    """
    key = os.environ.get(VARIABLE)
    return read_tenant(key) if key else None


def tenant_files() -> list[Path]:
    """The tenants' files, by name."""
    return sorted(_folder().glob("*.yaml"))


def read_tenant(key: str) -> Tenant:
    """The tenant `key`, as its file was when this process first read it.

    Raises:
        TenantUnusable: If its file is missing or wrong.
    """
    return _read(_folder() / f"{key}.yaml")


def _folder() -> Path:
    return Path(os.environ.get(FOLDER_VARIABLE) or "tenants").absolute()


@cache
def _read(file: Path) -> Tenant:
    key = file.stem
    if not _KEY.fullmatch(key):
        raise TenantUnusable(
            f"{key!r} cannot be a tenant's key ({file}). Use up to 31 of the characters a-z, 0-9 and _, beginning with "
            "a letter; not public, information_schema or pg_…, which PostgreSQL keeps for itself."
        )
    import yaml  # noqa: PLC0415 - slow, and only tenants need it

    try:
        content: object = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise TenantUnusable(
            f"There is no tenant {key}: no file {file}. Write it, or set {FOLDER_VARIABLE} to the tenants' folder."
        ) from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise TenantUnusable(f"{file} cannot be read: {reason}. Correct it and try again.") from None
    if content is not None and not isinstance(content, dict):
        raise TenantUnusable(f"{file} must have a field on each line, such as `first_month: 2025-01`. Correct it.")
    try:
        tenant = Tenant.model_validate({"environment_prefix": f"{key.upper()}_", **(content or {}), "key": key})
    except ValidationError as error:
        faults = "; ".join(map(_fault, error.errors()))
        raise TenantUnusable(f"{file}: {faults}. Correct it and try again.") from None
    folder = tenant.secrets_folder
    return tenant if folder is None else tenant.model_copy(update={"secrets_folder": file.parent / folder})


def _fault(detail: ErrorDetails) -> str:
    field = ".".join(map(str, detail["loc"]))
    if detail["type"] == "missing":
        return f"{field} is missing"
    if detail["type"] == "model_type":
        return f"{field} must have fields of its own: {{day: 1, hour: 0, minute: 30}}"
    if detail["type"] == "extra_forbidden":
        return f"{field} is no field of a tenant"
    return f"{field} cannot be used: {detail['msg'].removeprefix('Value error, ')}"
