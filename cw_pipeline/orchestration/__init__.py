"""All of Dagster: assets, checks, jobs, partitions, resources, schedules and sensors.

Belongs here: what Dagster needs to run and show the work of the packages below, such as which asset depends on which,
which months exist, and when a schedule requests them. Bodies are short: they call a function of `cw_pipeline.sync`,
`cw_pipeline.setup` or `cw_pipeline.reports` and report what it returned.

Does not belong here: a rule, a request or a query.
"""
