"""The monthly sync: reading the facts that the rule decides on, and carrying out what it decided.

Here belongs what stands between the rule and the systems: fetching a month's usage, making previews from what
ConnectWise and the warehouse show, and pushing them, each write with an intent in the ledger before it and its result
after. ``usage``, ``previews`` and ``push`` are its three acts; each handles one month or many.

Here does not belong any decision about seats (``cw_pipeline.billing``), anything a person does
(``cw_pipeline.setup``), or Dagster.
"""
