"""A line's identity: whose seats of which month it carries, told by the line itself."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from cw_pipeline.billing.months import Month

PREFIX = "NP:"
"""What every ``serialNumber`` of ours begins with."""

_LONGEST_ORGANIZATION_ID = 37  # serialNumber holds 50 characters, of which "NP:2026-03:B:" takes 13


class Plan(StrEnum):
    """A NordPass plan."""

    BUSINESS = "Business"
    ENTERPRISE = "Enterprise"


@dataclass(frozen=True, order=True)
class Identity:
    """One organization, one month, one plan: what exactly one line should carry."""

    month: Month
    plan: Plan
    organization_id: str

    @property
    def serial_number(self) -> str:
        """The addition's ``serialNumber``: ``NP:<month>:<B or E>:<organization id>``, at most 50 characters.

        An organization id longer than 37 characters is replaced by the first 37 hex digits of its SHA-256.
        """
        organization = self.organization_id
        if len(organization) > _LONGEST_ORGANIZATION_ID:
            organization = hashlib.sha256(organization.encode()).hexdigest()[:_LONGEST_ORGANIZATION_ID]
        return f"{PREFIX}{self.month}:{self.plan[0]}:{organization}"
