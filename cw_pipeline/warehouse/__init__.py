"""What is remembered: the SQL tables, their migrations and queries, the ledger and the push lock.

Here belongs everything that talks to the warehouse database, SQLite or PostgreSQL from the same code, and nothing that
decides: the rule is in ``cw_pipeline.billing``. Here does not belong HTTP, Dagster, or Dagster's own storage.
"""
