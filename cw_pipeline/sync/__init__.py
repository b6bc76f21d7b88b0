"""A month's work: fetching usage, making previews, and pushing them.

Belongs here: everything between the rule and the outside systems. Each write to ConnectWise has an intent in the
ledger before it and its result after. `usage`, `previews` and `push` are the three steps; each handles one month or
many.

Does not belong here: a decision about seats (`cw_pipeline.billing`), anything that a person does
(`cw_pipeline.setup`), or Dagster.
"""
