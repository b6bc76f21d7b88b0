"""What NordPass reports, as frozen values that are always valid. Both sources build them, and ignore other fields."""

import re
from collections import Counter
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Final

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StrictBool,
    StrictInt,
    StringConstraints,
    field_validator,
)

from cw_pipeline.https.safe_text import harmless
from cw_pipeline.vocabulary import LicenseType, Month, Plan

MOST_LICENSES: Final = 10_000_000
"""More seats than any organization has: a greater number is damaged."""
MOST_ORGANIZATIONS: Final = 50_000
"""Many more than an MSP has; a report of so many still fits into memory."""
LONGEST_ID: Final = 255
LONGEST_TEXT: Final = 1_000


class OrganizationStatus(StrEnum):
    """Whether an organization is suspended; it is billed all the same."""

    ACTIVE = "Active"
    SUSPENDED = "Suspended"


def is_id(text: str) -> bool:
    """Whether the text can be an id: not empty, not too long, nothing invisible in it."""
    return 0 < len(text) <= LONGEST_ID and text.isprintable() and not any(letter.isspace() for letter in text)


def is_text(text: str) -> bool:
    """Whether the text can be a name: not blank, and on one line.

    A line break in an export's name means that a quote was not closed, and that the name swallowed the next rows.
    """
    return bool(harmless(text).strip()) and len(text) <= LONGEST_TEXT and not any(letter in "\0\r\n" for letter in text)


def _id(text: str) -> str:
    if not is_id(text):
        raise ValueError("an id without spaces is expected")
    return text


def _text(text: str) -> str:
    if not is_text(text):
        raise ValueError("a text on one line is expected")
    return harmless(text)


def _month(value: object) -> Month:
    return value if isinstance(value, Month) else Month.parse(str(value))


def _written_out(value: object) -> object:
    if isinstance(value, datetime) or (isinstance(value, str) and re.match(r"[0-9]{4}-", value)):
        return value
    raise ValueError("a time that is written out is expected, not a number of seconds")


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("a time between the years 1 and 9999 is expected") from None


BillingMonth = Annotated[Month, BeforeValidator(_month), PlainSerializer(str)]
OrganizationId = Annotated[str, AfterValidator(_id)]
Text = Annotated[str, AfterValidator(_text)]
UtcDatetime = Annotated[AwareDatetime, BeforeValidator(_written_out), AfterValidator(_in_utc)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class Organization(_Frozen):
    """A customer's account in NordPass."""

    id: OrganizationId
    name: Text
    plan: Plan
    license_type: LicenseType
    status: OrganizationStatus
    msp_managed: StrictBool


class UsageRow(_Frozen):
    """One organization's consumed seats in one month, as NordPass counted them."""

    organization_id: OrganizationId
    organization_name: Text
    plan: Plan
    license_type: LicenseType
    msp_managed: StrictBool
    consumed_licenses: Annotated[StrictInt, Field(ge=0, le=MOST_LICENSES)]


class UsageReport(_Frozen):
    """The final usage of a billing month.

    Attributes:
        generated_at: When NordPass made the report, or the export's file was written, in UTC.
        rows: One row per organization, sorted by its id.
    """

    month: BillingMonth
    generated_at: UtcDatetime
    rows: tuple[UsageRow, ...]

    @field_validator("rows")
    @classmethod
    def _one_row_an_organization(cls, rows: tuple[UsageRow, ...]) -> tuple[UsageRow, ...]:
        counts = Counter(row.organization_id for row in rows)
        repeated = sorted(organization_id for organization_id, count in counts.items() if count > 1)
        if repeated:
            raise ValueError(f"one row an organization was expected; repeated: {', '.join(repeated)}")
        return tuple(sorted(rows, key=lambda row: row.organization_id))


class NewOrganization(_Frozen):
    """An organization to add; NordPass writes to `contact_email`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Text
    plan: Plan
    license_type: LicenseType
    contact_email: Annotated[str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+$")]
    country: Text | None = None
