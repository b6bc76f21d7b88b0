"""What a person does: connect, map products, import and map companies, add organizations, accept lines, disconnect.

Here belongs each act with its checks, and the audit log of what people did. What only reads belongs in
`cw_pipeline.reports`, sentences and table cells in `cw_pipeline.wording`.
"""
