"""Texts for spreadsheets: no foreign text is a formula there."""

from __future__ import annotations

import re

# A cell may begin at its beginning, and where a spreadsheet of another country, or a careless program, would split it.
_BEGINS = r"(?:^|(?<=[;\t\r\n]))"
# The full-width = + - @ count too, and blanks and quotes before a sign, which some programs drop.
_IS_RUN = r"""(?=[\s"]*[=+\-@'\uff1d\uff0b\uff0d\uff20]|[\t\r\n])"""
_TO_GUARD, _GUARD = re.compile(_BEGINS + _IS_RUN), re.compile(f"{_BEGINS}'{_IS_RUN}")


def guarded(text: str) -> str:
    """The text with a quote before each place that a spreadsheet could run as a formula, or that has a quote."""
    return _TO_GUARD.sub("'", text)


def unguarded(text: str) -> str:
    """The text as it was before it was guarded."""
    return _GUARD.sub("", text)
