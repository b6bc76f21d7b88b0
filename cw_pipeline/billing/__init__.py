"""The rule: each seat is billed exactly once.

Belongs here: what decides which line of which agreement carries how many seats, and why. That is a line's identity
and window, the balance between usage and lines, exclusions, holds, and the order of writes. Everything is a pure
function over frozen dataclasses, so that the rule can be read and tested by itself. Start at `rule.preview_month`.

Does not belong here: anything that reads or writes, such as HTTP, a database, the clock, Dagster or pandas; and no
sentence or command for people: a reason is data that `cw_pipeline.wording` puts into words. `cw_pipeline.sync` reads
the facts and carries out a preview.
"""
