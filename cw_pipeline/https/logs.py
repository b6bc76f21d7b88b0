"""Keeps secret addresses out of logs."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator

_URLLIB3 = logging.getLogger("urllib3")


@contextmanager
def without_paths_in_logs() -> Generator[None]:
    """Keep the paths that the block requests out of debug logs: a web hook's path is its secret."""
    before = _URLLIB3.level
    _URLLIB3.setLevel(logging.INFO)
    try:
        yield
    finally:
        _URLLIB3.setLevel(before)
