"""A push may leave organizations out: it is not the month's last push then, and `v_latest` has not its lines."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.add_column("pushes", sa.Column("whole", sa.Boolean(), nullable=False, server_default=sa.true()))
    if op.get_bind().dialect.name == "sqlite":
        op.execute(sa.text("DROP VIEW v_runs"))
        op.execute(
            sa.text("""
    CREATE VIEW v_runs AS
    SELECT pushes.run_id, pushes.psa, pushes.month, pushes.pushed_at AS ended_at,
        CASE WHEN NOT pushes.succeeded THEN 'lines_failed' WHEN pushes.whole THEN 'pushed' ELSE 'partly_pushed' END
            AS result,
        pushes.id AS push_id, previews.usage_seats AS seats_used, pushes.requests_written,
        CAST(NULL AS VARCHAR) AS error
    FROM pushes JOIN previews ON previews.id = pushes.preview_id
    UNION ALL
    SELECT run_id, psa, month, made_at, 'previewed', CAST(NULL AS INTEGER), usage_seats, 0, CAST(NULL AS VARCHAR)
    FROM previews WHERE NOT EXISTS (SELECT 1 FROM pushes WHERE pushes.preview_id = previews.id)
    UNION ALL
    SELECT run_id, CAST(NULL AS VARCHAR), month, at, 'failed', CAST(NULL AS INTEGER), CAST(NULL AS INTEGER), 0, error
    FROM month_errors
            """)
        )
        op.execute(sa.text("DROP VIEW v_latest"))
        op.execute(
            sa.text("""
    CREATE VIEW v_latest AS
    SELECT * FROM v_lines WHERE push_id IN (SELECT max(id) FROM pushes WHERE whole GROUP BY psa, month)
            """)
        )
        return
    op.execute(  # replaced, not dropped: grants and other views on it stay
        sa.text("""
    CREATE OR REPLACE VIEW v_runs AS
    SELECT pushes.run_id, pushes.psa, pushes.month, pushes.pushed_at AS ended_at,
        CASE WHEN NOT pushes.succeeded THEN 'lines_failed' WHEN pushes.whole THEN 'pushed' ELSE 'partly_pushed' END
            AS result,
        pushes.id AS push_id, previews.usage_seats AS seats_used, pushes.requests_written,
        CAST(NULL AS VARCHAR) AS error
    FROM pushes JOIN previews ON previews.id = pushes.preview_id
    UNION ALL
    SELECT run_id, psa, month, made_at, 'previewed', CAST(NULL AS INTEGER), usage_seats, 0, CAST(NULL AS VARCHAR)
    FROM previews WHERE NOT EXISTS (SELECT 1 FROM pushes WHERE pushes.preview_id = previews.id)
    UNION ALL
    SELECT run_id, CAST(NULL AS VARCHAR), month, at, 'failed', CAST(NULL AS INTEGER), CAST(NULL AS INTEGER), 0, error
    FROM month_errors
        """)
    )
    op.execute(
        sa.text("""
    CREATE OR REPLACE VIEW v_latest AS
    SELECT * FROM v_lines WHERE push_id IN (SELECT max(id) FROM pushes WHERE whole GROUP BY psa, month)
        """)
    )
