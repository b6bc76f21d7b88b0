"""What a job's Launchpad begins with.

Its tab opens with every field at its default, at which a job changes nothing, and Dagster keeps no comments there. So a
job's description has a link that opens the Launchpad filled with a run config with comments. The description does not
show that config, because its panel in the UI is too narrow.
"""

from urllib.parse import urlencode

from cw_pipeline.orchestration.tenant import LOCATION


def described(job: str, about: str, example: str) -> str:
    """A job's description in Markdown, with a link to its Launchpad, filled with `example`."""
    filled_in = f"/locations/{LOCATION}/jobs/{job}/playground/setup?{urlencode({'config': example})}"
    return f"{about}\n\n[Open the Launchpad with comments]({filled_in})\n"
