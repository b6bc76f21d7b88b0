"""The simulated ConnectWise PSA.

Here belong: its records and who may do what with them, its query language and paging, its rules for additions and
catalog items, its invoicing, and its HTTP interface. Here does not belong: anything of NordPass, or of how faults are
made.
"""
