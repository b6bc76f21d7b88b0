"""The assets. Each calls a function of a package below and reports metadata."""
