"""The assets, as the UI shows them. Each calls a function of a room below and reports metadata."""
