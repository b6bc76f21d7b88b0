"""What a person chose for a line that is kept by hand."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from cw_pipeline.warehouse.columns import UtcDateTime

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "lines_by_hand",
        sa.Column("psa", sa.String(), nullable=False),
        sa.Column("addition_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("agreement_id", sa.Integer(), nullable=False),
        sa.Column("product_id", sa.Integer(), nullable=False),
        sa.Column("choice", sa.String(16), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=True),
        sa.Column("last_day_before", sa.Date(), nullable=True),
        sa.Column("chosen_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("psa", "addition_id", name=op.f("pk_lines_by_hand")),
    )
