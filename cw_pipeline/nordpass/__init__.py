"""NordPass: its Provider API and the panel's usage exports, behind one interface, `source.NordPass`.

Belongs here: reading organizations and a month's usage, adding an organization, and refusing whatever is not final and
well-formed. Does not belong here: which usage is billed (`billing`), storing usage (`warehouse`), reading the
environment (`settings`).

The Provider API's contract is an assumption, because NordPass publishes its guide only in its panel. Only this package
depends on it; `docs/reference/nordpass-contract.md` states it.
"""
