"""A line's identity, encoded in its serial number: organization, month and plan."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TypeAlias

from cw_pipeline.vocabulary import Month, Plan

OrganizationMonth: TypeAlias = tuple[Month, str]
"""A month and an organization's id."""

PREFIX = "NP:"
"""Begins every `serialNumber` of ours."""
DESCRIPTION = "NordPass "
"""Begins every `invoiceDescription` of ours."""

_SERIAL_NUMBER = re.compile(r"NP:(?P<month>(?!0000)[0-9]{4}-(0[1-9]|1[0-2])):(?P<plan>[A-Z]):(?P<organization>.{1,37})")
_LONGEST_ORGANIZATION_ID = 37  # serialNumber holds 50 characters, of which "NP:2026-03:B:" takes 13


@dataclass(frozen=True, order=True)
class Identity:
    """One organization, month and plan: exactly one line should carry it."""

    month: Month
    plan: Plan
    organization_id: str

    @property
    def organization_month(self) -> OrganizationMonth:
        """Its month and organization, whatever the plan."""
        return self.month, self.organization_id

    @property
    def serial_number(self) -> str:
        """The addition's `serialNumber`: `NP:<month>:<B or E>:<organization id>`, at most 50 characters.

        An organization id longer than 37 characters is replaced by the first 37 hex digits of its SHA-256.
        """
        return f"{PREFIX}{self.month}:{self.plan[0]}:{as_marked(self.organization_id)}"

    @property
    def invoice_description(self) -> str:
        """The line's text on the invoice; it marks the line as ours even if ConnectWise stores no serial number."""
        return f"{DESCRIPTION}{self.plan}: seats used in {self.month.name}"

    @classmethod
    def parse(cls, serial_number: str) -> Identity | None:
        """The identity in a `serialNumber`, with the organization id as marked there; None if it has none."""
        match = _SERIAL_NUMBER.fullmatch(serial_number)
        plan = next((plan for plan in Plan if match and plan[0] == match["plan"]), None)
        return cls(Month.parse(match["month"]), plan, match["organization"]) if match and plan else None


def as_marked(organization_id: str) -> str:
    """An organization's id as a line's `serialNumber` contains it."""
    if len(organization_id) <= _LONGEST_ORGANIZATION_ID:
        return organization_id
    return hashlib.sha256(organization_id.encode()).hexdigest()[:_LONGEST_ORGANIZATION_ID]
