"""How long the model test of the promise goes on: `bounded` among all tests, `soak` by `make soak`."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings

_HISTORIES = {"bounded": (40, 20), "soak": (int(os.environ.get("SOAK_EXAMPLES", "600")), 20)}
"""How many, and of how many steps at most."""

for _name, (_examples, _steps) in _HISTORIES.items():
    settings.register_profile(
        _name,
        max_examples=_examples,
        stateful_step_count=_steps,
        deadline=None,
        derandomize=False,
        database=None,  # what failed once would come before the seed's own histories
        report_multiple_bugs=False,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
    )
