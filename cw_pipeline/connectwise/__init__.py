"""ConnectWise PSA over HTTPS: what the product reads from it and the few things that it writes to it.

Belongs here: the client, the records that it returns, its errors, and ConnectWise's own rules for site addresses,
paging, conditions and repeated requests. Does not belong here: what a line means for billing, and anything stored in
a database.

Start at `cw_pipeline.connectwise.client.ConnectWiseClient`.
"""
