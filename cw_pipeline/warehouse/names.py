"""Records as people see them: by name and id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cw_pipeline.warehouse.tables import AgreementRow, CompanyRow, OrganizationRow


@dataclass(frozen=True)
class Named:
    """A record by its id and name."""

    id: int | str
    name: str


def name_and_id(record: Named | CompanyRow | AgreementRow | OrganizationRow) -> str:
    """A record's name, with its id in brackets."""
    return f"{record.name} ({record.id})"
