"""In which currency an agreement is billed; it is known from the next import on."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.add_column("agreements", sa.Column("currency", sa.String(), nullable=True))
