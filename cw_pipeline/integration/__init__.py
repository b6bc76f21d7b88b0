"""What a person does to set the product up: connect, map products, import and map companies, disconnect.

Here belong the acts of the life cycle and the look at how far it has come. Each act is one function that the command
line and the Dagster jobs both call: it takes what it needs as arguments, changes everything or nothing, and returns
what it did. Here does not belong the monthly sync, how a result is printed, or Dagster.
"""
