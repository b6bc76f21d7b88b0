"""ConnectWise PSA over HTTPS: what the product reads from it and the few things it writes to it.

Here belong the client, the records it returns, its errors, and ConnectWise's own rules for site addresses, paging,
conditions and repeated requests. What a line on an agreement means for billing, and anything kept in a database, does
not belong here. This package imports no other package of the product.

Start at `cw_pipeline.connectwise.client.ConnectWiseClient`.
"""
