"""What was invoiced and found is remembered, on which terms an agreement was mapped, and what a person accepted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from cw_pipeline.warehouse.columns import UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_TERMS = (("cycle", sa.String()), ("period_type", sa.String()), ("prorates", sa.Boolean()))


def upgrade() -> None:
    """Apply the change."""
    op.add_column("integration", sa.Column("rebuilt_at", UtcDateTime(), nullable=True))
    for name, kind in _TERMS:
        op.add_column("agreements", sa.Column(name, kind, nullable=True))
        op.add_column("company_mappings", sa.Column(name, kind, nullable=True))
    op.add_column("company_mappings", sa.Column("parent_agreement_id", sa.Integer(), nullable=True))
    op.add_column("company_mappings", sa.Column("looked_through_at", UtcDateTime(), nullable=True))
    op.add_column("company_mappings", sa.Column("bill_from_chosen", sa.Boolean(), nullable=True))
    op.execute(sa.text("UPDATE company_mappings SET bill_from_chosen = false"))
    with op.batch_alter_table("company_mappings") as table:
        table.alter_column("bill_from_chosen", existing_type=sa.Boolean(), nullable=False)
    op.create_table(
        "agreement_recaps",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("psa", sa.String(), nullable=False),
        sa.Column("agreement_id", sa.Integer(), nullable=False),
        sa.Column("next_invoice_date", sa.Date(), nullable=True),
        sa.Column("last_invoice_number", sa.String(), nullable=True),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agreement_recaps")),
    )
    op.create_index(op.f("ix_agreement_recaps_psa"), "agreement_recaps", ["psa"])
    op.create_table(
        "accepted_absences",
        sa.Column("report_id", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("accepted_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["report_id"], ["usage_reports.id"], name=op.f("fk_accepted_absences_report_id")),
        sa.PrimaryKeyConstraint("report_id", "organization_id", name=op.f("pk_accepted_absences")),
    )
    for lines in ("preview_lines", "push_lines"):
        op.add_column(lines, sa.Column("warning", sa.String(), nullable=True))
    for lines in (sa.table("preview_lines", sa.column("outcome")), sa.table("push_lines", sa.column("outcome"))):
        op.execute(sa.update(lines).where(lines.c.outcome == "invoiced_edited").values(outcome="invoice_unclear"))
