"""The warehouse schema's history, one Alembic revision a change."""
