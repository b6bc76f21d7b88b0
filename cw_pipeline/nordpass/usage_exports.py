"""A folder of the panel's monthly usage exports, such as `usage-2026-03.csv`, as a source.

The columns are an assumption (`docs/reference/nordpass-contract.md`). A file is used as a whole or not at all.
"""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from typing_extensions import override

from cw_pipeline.nordpass.errors import (
    Fault,
    InvalidSetting,
    MalformedReport,
    NotSupported,
    ReportNotFinal,
    UnknownMonth,
)
from cw_pipeline.nordpass.export_file import rows_of
from cw_pipeline.nordpass.models import NewOrganization, Organization, OrganizationStatus, UsageReport
from cw_pipeline.nordpass.source import NordPass
from cw_pipeline.vocabulary import Month

MOST_BYTES: Final = 16 * 1024 * 1024
SETTLES_IN: Final = timedelta(minutes=1)
"""A younger file may still be being copied, and half a file looks whole."""
_WAIT: Final = "Run this month again in a minute."
_DOWNLOAD: Final = "Download the month's export from the panel's Usage data tab"


class UsageExports(NordPass):
    """A folder of the panel's monthly usage exports. Its organizations are those of the newest export, all active.

    Args:
        folder: Contains the files `usage-<month>.csv`.
        now: The present moment, with its time zone; a month that is not over has no final export.
    """

    def __init__(self, folder: Path, *, now: Callable[[], datetime]) -> None:
        self._folder = folder
        self._now = now

    def __repr__(self) -> str:
        return f"UsageExports({str(self._folder)!r})"

    @override
    def organizations(self) -> tuple[Organization, ...]:
        self._require_folder()
        newest = max(self._months(), default=None)
        if newest is None:
            raise InvalidSetting(
                f"There is no usage export in {self._folder}. {_DOWNLOAD} and save it there under a name like "
                "usage-2026-03.csv, or correct NORDPASS_USAGE_DIR."
            )
        content, _ = self._read(newest)
        rows = rows_of(content, str(self._file(newest)))
        return tuple(
            Organization(
                id=row.organization_id,
                name=row.organization_name,
                plan=row.plan,
                license_type=row.license_type,
                status=OrganizationStatus.ACTIVE,
                msp_managed=row.msp_managed,
            )
            for row in sorted(rows, key=lambda row: row.organization_id)
        )

    @override
    def monthly_usage(self, month: Month) -> UsageReport:
        content, written = self._read(month)
        file = str(self._file(month))
        if self._now() < month.closes_at:
            raise ReportNotFinal(month, file, "the month is not over")
        moment = written.isoformat(timespec="seconds")
        if written < month.closes_at:
            reason = f"the file was written at {moment}, before the month ended; download it anew"
            raise ReportNotFinal(month, file, reason)
        if self._now() - written < SETTLES_IN:
            reason = f"the file was written at {moment}, so that it may still be copied"
            raise ReportNotFinal(month, file, reason, _WAIT)
        return UsageReport(month=month, generated_at=written, rows=rows_of(content, file))

    @override
    def add_organization(self, new: NewOrganization, *, idempotency_key: str) -> Organization:
        raise NotSupported(
            f"{new.name!r} was not added: a folder of usage exports cannot add organizations. Add it in NordPass's "
            "panel, or configure the Provider API (NORDPASS_API_URL) instead of NORDPASS_USAGE_DIR."
        )

    @override
    def close(self) -> None:
        pass

    def _months(self) -> Iterator[Month]:
        for file in self._folder.glob("usage-*.csv"):
            with suppress(ValueError):  # another file
                yield Month.parse(file.stem.removeprefix("usage-"))

    def _file(self, month: Month) -> Path:
        return self._folder / f"usage-{month}.csv"

    def _require_folder(self) -> None:
        if not self._folder.is_dir():
            raise InvalidSetting(f"{self._folder} is not a folder. Correct NORDPASS_USAGE_DIR.")

    def _read(self, month: Month) -> tuple[bytes, datetime]:
        """The bytes of the month's file, and when it was last written.

        Raises:
            ReportNotFinal: It changed meanwhile.
        """
        self._require_folder()
        file = self._file(month)
        try:
            status = file.stat()
            if not stat.S_ISREG(status.st_mode):
                raise InvalidSetting(f"{file} is not a file. {_DOWNLOAD} and save it in its place.")
            if status.st_size > MOST_BYTES:
                fault = Fault(f"at most {MOST_BYTES} bytes", str(status.st_size))
                raise MalformedReport(str(file), [fault], f"{_DOWNLOAD} again.")
            content = file.read_bytes()
            if _version(file.stat()) != _version(status):
                raise ReportNotFinal(month, str(file), "the file changed while it was read", _WAIT)
            return content, datetime.fromtimestamp(status.st_mtime, UTC)
        except FileNotFoundError as error:
            msg = f"There is no usage export for {month}: {file} does not exist. {_DOWNLOAD} and save it there."
            raise UnknownMonth(msg) from error
        except OSError as error:
            raise InvalidSetting(f"{file} cannot be read ({error.strerror}). Correct its access rights.") from error


def _version(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_ino, status.st_size, status.st_mtime_ns
