"""What people look at: status, lists, drift, what is not billed.

Belongs here: what only reads, from the warehouse or from ConnectWise. Nothing here changes what people decided.
"""
