"""A month's work: fetching usage, making previews, and pushing them.

Belongs here: everything between the rule and the outside systems. Each write to ConnectWise has an intent in the
ledger before it and its result after. The three steps are `usage`, `previews` and `push`; each handles one month or
many.

Does not belong here: decisions about seats (`cw_pipeline.billing`), what a person does (`cw_pipeline.setup`), or
Dagster.
"""
