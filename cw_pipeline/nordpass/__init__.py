"""NordPass: its Provider API and the panel's usage exports, behind one interface.

Belongs here: requesting organizations and a month's usage, adding an organization, and refusing whatever is not final
and well-formed. `source.NordPass` is the interface. `provider_api.ProviderApi` and `usage_exports.UsageExports`
implement it and return the same rows.

Does not belong here: which usage is billed (`billing`), storing usage (`warehouse`), reading the environment
(`settings`).

The contract of the Provider API is an assumption, because NordPass publishes its guide only inside its own panel.
`docs/reference/nordpass-contract.md` states it, and only this package depends on it.
"""
