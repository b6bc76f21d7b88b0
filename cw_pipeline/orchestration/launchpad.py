"""What a job's Launchpad begins with.

Its tab opens with every field at its default, at which a job changes nothing, and Dagster keeps no comments there. So a
job's description has its run config with comments, and a link that opens the Launchpad filled with that.
"""

from urllib.parse import urlencode

from cw_pipeline.orchestration.tenant import LOCATION


def described(job: str, about: str, example: str) -> str:
    """A job's description in Markdown, with a run config to start from."""
    filled_in = f"/locations/{LOCATION}/jobs/{job}/playground/setup?{urlencode({'config': example})}"
    return f"{about}\n\n[Open this in the Launchpad]({filled_in}):\n\n```yaml\n{example}```\n"
