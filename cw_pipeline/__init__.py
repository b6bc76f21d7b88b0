"""NordPass seat counts on the right line of the right ConnectWise PSA agreement, every month, exactly once.

The packages, from the top down; each imports only those below it:

- `cli`: the command line
- `definitions`, `orchestration`: Dagster
- `notifications`: sending alerts
- `setup`: what people do
- `reports`: what people look at
- `sync`: a month's work
- `warehouse`: the SQL database
- `wording`: sentences for people (its `cells`, `month_page` and `reconciliation` sit above `setup`)
- `billing`: the rule, pure
- `connectwise`, `nordpass`: one client each
- `https`: what both clients share
- `settings`, `vocabulary`, `errors`: the environment; months, plans, license types; the base class of all errors

`sandbox` is a local ConnectWise PSA and NordPass. It imports none of these. `docs/explanation/architecture.md` has a
picture.
"""
