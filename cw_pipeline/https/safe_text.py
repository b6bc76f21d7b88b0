"""Text that is safe to show: secrets that no `repr` reveals, and foreign text without harmful characters."""

from __future__ import annotations

import re

_STEERING = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufffe\uffff]")
"""Control and bidi characters, and non-characters, which make a document unreadable."""


class Hidden(str):
    """A secret text that `repr`, and so a crash report with the values of variables, does not show."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


def harmless(text: str, *, replacement: str = " ") -> str:
    """The text with characters replaced that control the terminal or the reading direction."""
    return _STEERING.sub(replacement, text)


def shortened(text: str, longest: int) -> str:
    """The text, or its beginning and `…`, in at most `longest` characters."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def one_line(text: str, longest: int) -> str:
    """Foreign text for a message: one printable line of at most `longest` characters."""
    line = " ".join(text.split())
    return shortened("".join(character if character.isprintable() else "?" for character in line), longest)
