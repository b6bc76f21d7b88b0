"""All of Dagster: assets, checks, partitions, resources, jobs, schedules and sensors.

Here belongs what Dagster needs to show and run the work of the rooms below: which asset depends on which, which months
there are, what the UI shows of a run, when the schedule asks for what. Bodies are short: they call a function of
``cw_pipeline.sync``, ``cw_pipeline.setup`` or ``cw_pipeline.reports`` and report what it returned.

Here does not belong a rule, a request or a query of its own.
"""
