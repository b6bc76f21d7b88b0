"""Usage exports as the panel saves them."""

import os
from datetime import UTC, datetime
from pathlib import Path

from cw_pipeline.nordpass.usage_exports import UsageExports

WRITTEN = datetime(2026, 4, 2, 8, 30, tzinfo=UTC)
NOW = datetime(2026, 4, 3, tzinfo=UTC)


def save(folder: Path, content: str | bytes, month: str = "2026-03", written: datetime = WRITTEN) -> Path:
    file = folder / f"usage-{month}.csv"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    os.utime(file, (written.timestamp(), written.timestamp()))
    return file


def exports(folder: Path, now: datetime = NOW) -> UsageExports:
    return UsageExports(folder, now=lambda: now)
