"""`results.md`: a section for each group of rows, and why rows are over their limits."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from benchmarks.reasons import reasons_for

if TYPE_CHECKING:
    from collections.abc import Iterable

_INTRODUCTION = """# What the product costs

By `make bench`; each group says when it was measured, of which commit and on which machine. A load beyond the number of
processors makes times longer than the work takes, and processor time, too."""
_WHY = """## What is over its limit, and why

Profiles are of 2026-11-29 and of one thread, on a busy machine: they say what the parts are, not what all of it takes.
"""
_SECTION = re.compile(r"^(?=## )", re.MULTILINE)
_OVER = re.compile(r"^\| (.+?) \| .* \| \*\*over\*\* \|$", re.MULTILINE)


def with_section(document: str, section: str, headings: Iterable[str]) -> str:
    """The document with a group's section, which takes the place of an earlier one, and the reasons anew.

    Args:
        document: As it was until now.
        section: The group's heading and all below it.
        headings: What the groups' sections begin with, in their order; what is below another heading is left out.
    """
    sections = {_heading(one): one.strip() for one in [*_SECTION.split(document)[1:], section.strip()]}
    known = [sections[heading] for one in headings if (heading := _heading(f"## {one}")) in sections]
    over = [what for one in known for what in _OVER.findall(one)]
    why = ["\n".join([_WHY, *reasons_for(over)])] if over else []
    return "\n\n".join([_INTRODUCTION, *known, *why]) + "\n"


def _heading(section: str) -> str:
    return section.partition("\n")[0]
