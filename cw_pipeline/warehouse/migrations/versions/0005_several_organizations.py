"""A company may be mapped to several organizations: a mapping is known by its organization."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    with op.batch_alter_table("company_mappings") as table:
        table.drop_constraint(op.f("uq_company_mappings_organization_id"), type_="unique")
        table.drop_constraint(op.f("pk_company_mappings"), type_="primary")
        table.create_primary_key(op.f("pk_company_mappings"), ["organization_id"])
