"""NordPass: its Provider API and the panel's usage exports, behind one interface.

What belongs here: asking NordPass for organizations and for a month's usage, adding an organization, and refusing
whatever is not final and well-formed. `source.NordPass` is the interface; `provider_api.ProviderApi` and
`usage_exports.UsageExports` are its two implementations and give the same rows; `models` and `errors` are their words.

What does not: which usage is billed (`billing`), keeping usage (`warehouse`), reading the environment (`settings`).
This room imports nothing else of the project.

The contract of the Provider API is an assumption, because NordPass publishes its guide only inside its own panel.
`docs/nordpass-contract.md` states it, and only this room depends on it.
"""
