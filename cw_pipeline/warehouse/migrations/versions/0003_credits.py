"""How many seats are to be credited, where more was invoiced than used."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from cw_pipeline.warehouse.columns import Exact

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    for table in ("preview_lines", "push_lines"):
        op.add_column(table, sa.Column("to_credit", Exact(), nullable=True))
