"""NordPass seat counts on the right line of the right ConnectWise PSA agreement, every month, exactly once.

The rooms, from the top down; each imports only from those below it:

- ``cli``, ``commands``, ``console``, ``demo``: the command line
- ``definitions``, ``orchestration``: Dagster
- ``integration``: what a person does
- ``sync``: what happens every month
- ``warehouse``: what is remembered
- ``billing``: the rule, pure
- ``connectwise``, ``nordpass``, ``settings``: the outside world; and ``sandbox``, which stands in for it
"""
