"""The simulated ConnectWise PSA.

Belongs here: its records and who may do what with them, its query language and paging, its rules for additions and
catalog items, its invoicing, and its HTTP interface. Does not belong here: anything of NordPass, or how faults are
created.
"""
