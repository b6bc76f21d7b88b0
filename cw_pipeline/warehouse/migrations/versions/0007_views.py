"""The views that other programs read: docs/reference/views.md has their columns, which are a promise."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.execute(
        sa.text("""
    CREATE VIEW v_runs AS
    SELECT pushes.run_id, pushes.psa, pushes.month, pushes.pushed_at AS ended_at,
        CASE WHEN pushes.succeeded THEN 'pushed' ELSE 'lines_failed' END AS result,
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
    CREATE VIEW v_lines AS
    SELECT pushes.id AS push_id, line.position, pushes.run_id, pushes.psa, pushes.month, pushes.pushed_at,
        line.organization_id, previewed.organization_name, line.plan, previewed.company_id,
        companies.name AS company_name, previewed.agreement_id, agreements.name AS agreement_name, line.beside AS also,
        line.outcome,
        CASE
            WHEN line.outcome IN ('created', 'updated', 'zeroed', 'unchanged') THEN 'billed'
            WHEN line.outcome IN ('rejected', 'unconfirmed') THEN 'failed'
            WHEN line.outcome IN ('not_managed', 'nfr', 'trial', 'unmapped', 'before_bill_from', 'product_unmapped',
                'zero_usage') THEN 'not_billed'
            ELSE 'held'
        END AS outcome_group,
        CAST(line.seats AS NUMERIC) AS seats, CAST(line.to_credit AS NUMERIC) AS seats_to_credit, line.reason,
        line.warning
    FROM push_lines AS line
    JOIN pushes ON pushes.id = line.push_id
    JOIN preview_lines AS previewed
        ON previewed.preview_id = pushes.preview_id AND previewed.position = line.position
    LEFT JOIN companies ON companies.id = previewed.company_id
    LEFT JOIN agreements ON agreements.id = previewed.agreement_id
        """)
    )
    op.execute(
        sa.text("""
    CREATE VIEW v_latest AS
    SELECT * FROM v_lines WHERE push_id IN (SELECT max(id) FROM pushes GROUP BY psa, month)
        """)
    )
    op.execute(
        sa.text("""
    CREATE VIEW v_line_changes AS
    SELECT intent.id AS change_id, intent.run_id, intent.psa, intent.month, intent.at AS sent_at,
        intent.organization_id, organizations.name AS organization_name, intent.plan, intent.agreement_id,
        intent.product_id,
        COALESCE(answer.addition_id, intent.addition_id) AS addition_id, intent.serial_number,
        CASE WHEN intent.addition_id IS NULL THEN 'create' ELSE 'set_quantity' END AS change,
        CAST(intent."before" AS NUMERIC) AS quantity_before, CAST(intent.quantity AS NUMERIC) AS quantity_after,
        intent.effective_date, intent.cancelled_date, COALESCE(answer.kind, 'open') AS result, answer.at AS result_at,
        answer.note
    FROM ledger AS intent
    LEFT JOIN ledger AS answer
        ON answer.id = (SELECT max(id) FROM ledger AS any_answer WHERE any_answer.intent_id = intent.id)
    LEFT JOIN organizations ON organizations.id = intent.organization_id
    WHERE intent.kind = 'intent'
        """)
    )
