"""Runs that a person undid."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from cw_pipeline.warehouse.columns import UtcDateTime

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "undone_runs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("psa", sa.String(), nullable=False),
        sa.Column("month", sa.String(7), nullable=False),
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("undone_by", sa.String(), nullable=False),
        sa.Column("undone_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_undone_runs")),
    )
