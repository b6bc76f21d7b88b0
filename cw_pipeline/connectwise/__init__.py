"""ConnectWise PSA over HTTPS: what the product reads, and the little that it writes.

Belongs here: the client, its records and errors, and ConnectWise's rules for site addresses, paging, conditions and
retries. Does not belong here: what a line means for billing, and anything stored in a database.

Start at `cw_pipeline.connectwise.client.ConnectWiseClient`.
"""
