"""The commands of the command line, a module for each group of them.

Here belongs what a command takes, which function of ``cw_pipeline.integration`` or which Dagster job it calls, and what
it says to people and to programs about the result. Here does not belong a rule, or anything that another command or
Dagster would have to repeat.

A command imports what it needs when it runs, so that ``--help`` is there at once and Dagster is loaded only by what
needs it.
"""
