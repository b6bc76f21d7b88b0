"""What people do: connect, map products, import and map companies, add organizations, accept lines, disconnect.

Belongs here: each of these actions with its checks, and the audit log. What only reads belongs in
`cw_pipeline.reports`; sentences and table cells belong in `cw_pipeline.wording`.
"""
