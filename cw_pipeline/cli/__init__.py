"""The command line: the app, its output, a module per command group, and the demo.

Belongs here: a command's arguments, which function or Dagster job it calls, and how it prints the result for people
and programs. Does not belong here: a rule, or anything that another command or Dagster would have to repeat.

Commands reach the packages below through `lazy`, which imports their modules when they are used.
"""
