"""The command line: the app, its output, a module for each group of commands, and the demonstration.

Here belongs what a command takes, which function of a room below or which Dagster job it calls, and what it says about
the result to people and to programs. Here does not belong a rule, or anything that another command or Dagster would
have to repeat.

A command imports what it needs when it runs, so that ``--help`` is there at once and Dagster is loaded only by what
needs it.
"""
