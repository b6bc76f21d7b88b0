"""The view of the latest lines leaves out a month of which a run was undone since its last push."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute(sa.text("DROP VIEW v_latest"))
        op.execute(
            sa.text("""
    CREATE VIEW v_latest AS
    SELECT * FROM v_lines WHERE push_id IN (
        SELECT last.id FROM pushes AS last
        WHERE last.id IN (SELECT max(id) FROM pushes WHERE whole GROUP BY psa, month)
        AND NOT EXISTS (
            SELECT 1 FROM undone_runs
            WHERE undone_runs.psa = last.psa AND undone_runs.month = last.month
            AND undone_runs.undone_at > last.pushed_at
        )
    )
            """)
        )
        return
    op.execute(  # replaced, not dropped: grants and other views on it stay
        sa.text("""
    CREATE OR REPLACE VIEW v_latest AS
    SELECT * FROM v_lines WHERE push_id IN (
        SELECT last.id FROM pushes AS last
        WHERE last.id IN (SELECT max(id) FROM pushes WHERE whole GROUP BY psa, month)
        AND NOT EXISTS (
            SELECT 1 FROM undone_runs
            WHERE undone_runs.psa = last.psa AND undone_runs.month = last.month
            AND undone_runs.undone_at > last.pushed_at
        )
    )
        """)
    )
