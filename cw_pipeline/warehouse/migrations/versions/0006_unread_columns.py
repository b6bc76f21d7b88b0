"""What previews kept and nobody read is gone."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.drop_column("previews", "mappings_fingerprint")
    op.drop_column("previews", "ledger_position")
