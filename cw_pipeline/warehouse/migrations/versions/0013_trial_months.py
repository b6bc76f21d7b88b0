"""Trial months, which are billed to nobody: of mappings, of lines, and what is billed by hand in them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from cw_pipeline.warehouse.columns import Exact

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.add_column("company_mappings", sa.Column("trial_months", sa.Integer(), nullable=True))
    op.execute(sa.text("UPDATE company_mappings SET trial_months = 0"))
    with op.batch_alter_table("company_mappings") as table:
        table.alter_column("trial_months", existing_type=sa.Integer(), nullable=False)
    op.add_column("ledger", sa.Column("trial", sa.Boolean(), nullable=True))
    for lines in ("preview_lines", "push_lines"):
        op.add_column(lines, sa.Column("by_hand", Exact(), nullable=True))
