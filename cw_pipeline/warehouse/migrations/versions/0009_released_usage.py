"""A person releases any unusual usage, not only an organization's absence from a report."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from cw_pipeline.warehouse.columns import UtcDateTime

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "released_usage",
        sa.Column("report_id", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("released_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["report_id"], ["usage_reports.id"], name=op.f("fk_released_usage_report_id")),
        sa.PrimaryKeyConstraint("report_id", "organization_id", name=op.f("pk_released_usage")),
    )
    op.execute(
        sa.text(
            "INSERT INTO released_usage (report_id, organization_id, released_at) "
            "SELECT report_id, organization_id, accepted_at FROM accepted_absences"
        )
    )
    op.drop_table("accepted_absences")
