"""Whom a month is pushed for: everybody, or some organizations first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cw_pipeline.billing.outcomes import FAILED
from cw_pipeline.sync.sync_run import SyncError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cw_pipeline.billing.preview import Preview, PreviewLine


@dataclass(frozen=True)
class Choice:
    """The organizations that a push is for.

    Attributes:
        organizations: Their ids; empty for all.
        limit: The most of them to write for, in the order of the preview; 0 for no limit.
    """

    organizations: frozenset[str] = frozenset()
    limit: int = 0

    def left_out(self, lines: Sequence[PreviewLine]) -> frozenset[str]:
        """The organizations that are not chosen, and have something to write or a line that has failed."""
        waiting = dict.fromkeys(line.organization_id for line in lines if line.writes or line.outcome in FAILED)
        chosen = [organization_id for organization_id in waiting if organization_id in (self.organizations or waiting)]
        if self.limit:
            failed = {line.organization_id for line in lines if line.outcome in FAILED}
            chosen = [organization_id for organization_id in chosen if organization_id not in failed][: self.limit]
        return frozenset(waiting.keys() - chosen)

    def require_in(self, previews: Iterable[Preview]) -> None:
        """Make sure that each chosen organization is in each month's preview.

        Raises:
            SyncError: If one is not.
        """
        for preview in previews:
            missing = self.organizations - {line.organization_id for line in preview.lines}
            if missing:
                msg = (
                    f"{', '.join(sorted(missing))} has neither usage nor lines in {preview.month}. Nothing was "
                    "written. Leave it out, or choose another month."
                )
                raise SyncError(msg)


EVERYBODY = Choice()
