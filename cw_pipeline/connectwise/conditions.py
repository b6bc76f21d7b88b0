"""ConnectWise's `conditions`: lists of ids that keep the URL short, and quoted text.

ConnectWise recommends URLs of at most 2,000 characters. It does not document how a quote inside a quoted value is
escaped, nor which other characters are special there. A value that it might misread is compared in the client instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote_plus

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LONGEST_URL = 2_000
_RESERVED = 120  # page size, page or page id, and order, which paging adds to the URL
_SPECIAL = frozenset("[]\\")  # `*`, `%` and `_` only find more, which the client sorts out


def room_for_conditions(url: str) -> int:
    """How many characters the encoded conditions of a request to this URL may have."""
    return LONGEST_URL - _RESERVED - len(url)


def id_conditions(field: str, ids: Iterable[int], *, room: int) -> Iterator[str]:
    """Yield conditions `field in (…)` that together name every id once, each within the room when encoded."""
    batch: list[str] = []
    empty = len(quote_plus(f"{field} in ()"))
    length = empty
    for text in map(str, sorted(set(ids))):
        added = len(text) + len(quote_plus(","))
        if batch and length + added > room:
            yield f"{field} in ({','.join(batch)})"
            batch, length = [], empty
        batch.append(text)
        length += added
    if batch:
        yield f"{field} in ({','.join(batch)})"


def quoted(text: str) -> str | None:
    """The text as a quoted value, or None if ConnectWise might read it differently."""
    if _SPECIAL & set(text) or not text.isprintable():
        return None
    for mark in ('"', "'"):
        if mark not in text:
            return f"{mark}{text}{mark}"
    return None
