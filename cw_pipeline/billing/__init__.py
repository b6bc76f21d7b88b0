"""The billing rule: each seat is billed exactly once.

Here belongs what decides which line of which agreement carries how many seats, and why: months, a line's identity and
window, the balance between usage and lines, exclusions, holds and their order. Everything is a pure function over
frozen dataclasses, so that the rule can be read, tested and proved on its own. ``rule.preview_month`` is the way in.

Here does not belong anything that reads or writes: no HTTP, no database, no clock, no Dagster, no pandas.
Reading the facts and carrying out a preview is the job of ``cw_pipeline.sync``.
"""
