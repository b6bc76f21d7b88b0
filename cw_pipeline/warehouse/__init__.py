"""The SQL database: tables, migrations, queries, the ledger and the push lock.

Belongs here: everything that talks to the database, SQLite or PostgreSQL from the same code. Does not belong here:
decisions (the rule is in `cw_pipeline.billing`), HTTP, Dagster, or Dagster's own storage.
"""
