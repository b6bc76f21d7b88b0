"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from cw_pipeline.warehouse.columns import Exact, UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "agreements",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("company_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("billing_cycle", sa.String(), nullable=True),
        sa.Column("parent_agreement_id", sa.Integer(), nullable=True),
        sa.Column("bill_start_date", sa.Date(), nullable=True),
        sa.Column("end_date", sa.Date(), nullable=True),
        sa.Column("next_invoice_date", sa.Date(), nullable=True),
        sa.Column("imported_at", UtcDateTime(), nullable=False),
        sa.Column("gone_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agreements")),
    )
    with op.batch_alter_table("agreements", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_agreements_company_id"), ["company_id"], unique=False)

    op.create_table(
        "companies",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("identifier", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=True),
        sa.Column("types", sa.JSON(), nullable=False),
        sa.Column("imported_at", UtcDateTime(), nullable=False),
        sa.Column("gone_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_companies")),
    )
    op.create_table(
        "import_selection",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("type_ids", sa.JSON(), nullable=False),
        sa.Column("status_ids", sa.JSON(), nullable=False),
        sa.Column("chosen_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_import_selection_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_selection")),
    )
    op.create_table(
        "integration",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("site_url", sa.String(), nullable=False),
        sa.Column("company_id", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("connected_at", UtcDateTime(), nullable=False),
        sa.Column("confirmed_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint("id = 1", name=op.f("ck_integration_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_integration")),
    )
    op.create_table(
        "ledger",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("psa", sa.String(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("intent_id", sa.Integer(), nullable=True),
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("plan", sa.String(length=16), nullable=False),
        sa.Column("serial_number", sa.String(length=50), nullable=False),
        sa.Column("agreement_id", sa.Integer(), nullable=False),
        sa.Column("product_id", sa.Integer(), nullable=False),
        sa.Column("addition_id", sa.Integer(), nullable=True),
        sa.Column("before", Exact(), nullable=False),
        sa.Column("quantity", Exact(), nullable=False),
        sa.Column("effective_date", sa.Date(), nullable=False),
        sa.Column("cancelled_date", sa.Date(), nullable=True),
        sa.Column("note", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["intent_id"], ["ledger.id"], name=op.f("fk_ledger_intent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger")),
    )
    with op.batch_alter_table("ledger", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_ledger_intent_id"), ["intent_id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_ledger_psa_addition_id"),
            ["psa", "addition_id"],
            unique=False,
        )
        batch_op.create_index(batch_op.f("ix_ledger_psa_month"), ["psa", "month"], unique=False)

    op.create_table(
        "lock_holders",
        sa.Column("psa", sa.String(), nullable=False),
        sa.Column("holder", sa.String(), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("psa", name=op.f("pk_lock_holders")),
    )
    op.create_table(
        "month_errors",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("error", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_month_errors")),
    )
    with op.batch_alter_table("month_errors", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_month_errors_run_id"), ["run_id"], unique=False)

    op.create_table(
        "organizations",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("plan", sa.String(), nullable=False),
        sa.Column("license_type", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("msp_managed", sa.Boolean(), nullable=False),
        sa.Column("fetched_at", UtcDateTime(), nullable=False),
        sa.Column("gone_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organizations")),
    )
    op.create_table(
        "products",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("identifier", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("price", Exact(), nullable=True),
        sa.Column("cost", Exact(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_products")),
    )
    op.create_table(
        "usage_reports",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("generated_at", UtcDateTime(), nullable=False),
        sa.Column("fetched_at", UtcDateTime(), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("seats", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_usage_reports")),
    )
    with op.batch_alter_table("usage_reports", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_usage_reports_month"), ["month"], unique=False)

    op.create_table(
        "company_mappings",
        sa.Column("company_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("agreement_id", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("bill_from", sa.String(length=7), nullable=False),
        sa.Column("mapped_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["agreement_id"], ["agreements.id"], name=op.f("fk_company_mappings_agreement_id")),
        sa.ForeignKeyConstraint(["company_id"], ["companies.id"], name=op.f("fk_company_mappings_company_id")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_company_mappings_organization_id")
        ),
        sa.PrimaryKeyConstraint("company_id", name=op.f("pk_company_mappings")),
        sa.UniqueConstraint("organization_id", name=op.f("uq_company_mappings_organization_id")),
    )
    op.create_table(
        "previews",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("psa", sa.String(), nullable=False),
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("made_at", UtcDateTime(), nullable=False),
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("usage_report_id", sa.Integer(), nullable=False),
        sa.Column("mappings_fingerprint", sa.String(length=64), nullable=False),
        sa.Column("ledger_position", sa.Integer(), nullable=False),
        sa.Column("usage_seats", sa.Integer(), nullable=False),
        sa.Column("requests_read", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["usage_report_id"], ["usage_reports.id"], name=op.f("fk_previews_usage_report_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_previews")),
    )
    with op.batch_alter_table("previews", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_previews_month"), ["month"], unique=False)

    op.create_table(
        "product_mappings",
        sa.Column("plan", sa.String(length=16), nullable=False),
        sa.Column("product_id", sa.Integer(), nullable=False),
        sa.Column("confirmed_product_id", sa.Integer(), nullable=True),
        sa.Column("mapped_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["confirmed_product_id"], ["products.id"], name=op.f("fk_product_mappings_confirmed_product_id")
        ),
        sa.ForeignKeyConstraint(["product_id"], ["products.id"], name=op.f("fk_product_mappings_product_id")),
        sa.PrimaryKeyConstraint("plan", name=op.f("pk_product_mappings")),
    )
    op.create_table(
        "usage_rows",
        sa.Column("report_id", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("organization_name", sa.String(), nullable=False),
        sa.Column("plan", sa.String(), nullable=False),
        sa.Column("license_type", sa.String(), nullable=False),
        sa.Column("msp_managed", sa.Boolean(), nullable=False),
        sa.Column("seats", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["report_id"], ["usage_reports.id"], name=op.f("fk_usage_rows_report_id")),
        sa.PrimaryKeyConstraint("report_id", "organization_id", name=op.f("pk_usage_rows")),
    )
    op.create_table(
        "preview_lines",
        sa.Column("preview_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("organization_name", sa.String(), nullable=False),
        sa.Column("plan", sa.String(), nullable=False),
        sa.Column("company_id", sa.Integer(), nullable=True),
        sa.Column("agreement_id", sa.Integer(), nullable=True),
        sa.Column("beside", sa.Boolean(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("seats", Exact(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("writes", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["preview_id"], ["previews.id"], name=op.f("fk_preview_lines_preview_id")),
        sa.PrimaryKeyConstraint("preview_id", "position", name=op.f("pk_preview_lines")),
    )
    op.create_table(
        "pushes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("psa", sa.String(), nullable=False),
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("preview_id", sa.Integer(), nullable=False),
        sa.Column("pushed_at", UtcDateTime(), nullable=False),
        sa.Column("succeeded", sa.Boolean(), nullable=False),
        sa.Column("requests_read", sa.Integer(), nullable=False),
        sa.Column("requests_written", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["preview_id"], ["previews.id"], name=op.f("fk_pushes_preview_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pushes")),
    )
    with op.batch_alter_table("pushes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_pushes_month"), ["month"], unique=False)

    op.create_table(
        "push_lines",
        sa.Column("push_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("plan", sa.String(), nullable=False),
        sa.Column("beside", sa.Boolean(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("seats", Exact(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["push_id"], ["pushes.id"], name=op.f("fk_push_lines_push_id")),
        sa.PrimaryKeyConstraint("push_id", "position", name=op.f("pk_push_lines")),
    )


def downgrade() -> None:
    """Take the change back."""
    op.drop_table("push_lines")
    with op.batch_alter_table("pushes", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_pushes_month"))

    op.drop_table("pushes")
    op.drop_table("preview_lines")
    op.drop_table("usage_rows")
    op.drop_table("product_mappings")
    with op.batch_alter_table("previews", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_previews_month"))

    op.drop_table("previews")
    op.drop_table("company_mappings")
    with op.batch_alter_table("usage_reports", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_usage_reports_month"))

    op.drop_table("usage_reports")
    op.drop_table("products")
    op.drop_table("organizations")
    with op.batch_alter_table("month_errors", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_month_errors_run_id"))

    op.drop_table("month_errors")
    op.drop_table("lock_holders")
    with op.batch_alter_table("ledger", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_ledger_psa_month"))
        batch_op.drop_index(batch_op.f("ix_ledger_psa_addition_id"))
        batch_op.drop_index(batch_op.f("ix_ledger_intent_id"))

    op.drop_table("ledger")
    op.drop_table("integration")
    op.drop_table("import_selection")
    op.drop_table("companies")
    with op.batch_alter_table("agreements", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_agreements_company_id"))

    op.drop_table("agreements")
