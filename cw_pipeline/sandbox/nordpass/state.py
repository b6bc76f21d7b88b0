"""The organizations and usage reports of the simulated NordPass, and people's changes to them."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from threading import RLock
from typing import Any, Literal, TypeAlias, TypedDict, get_args
from uuid import NAMESPACE_URL, uuid5

from cw_pipeline.sandbox.nordpass.seed import seed_organizations, seed_plan_change
from cw_pipeline.sandbox.wire import Record

Plan: TypeAlias = Literal["Business", "Enterprise"]
LicenseType: TypeAlias = Literal["Standard", "Trial", "NFR"]
ErrorFormat: TypeAlias = Literal["assumed", "problem"]
"""How refusals are answered: as the contract assumes, or as problem details (RFC 9457)."""
REPORTED_MONTHS = 24
"""How many closed months have a report; the running month has one too, which is not final."""

_EDITABLE: dict[str, tuple[object, ...]] = {
    "plan": get_args(Plan),
    "license_type": get_args(LicenseType),
    "status": ("Active", "Suspended"),
    "msp_managed": (True, False),
}
_SHOWN = ("id", "name", "plan", "license_type", "status", "msp_managed")


class Report(TypedDict):
    """A month's usage report, rows ordered by organization id."""

    month: str
    final: bool
    generated_at: str
    items: list[Record]


class UnknownMonth(LookupError):
    """There is no report for the month."""


class NordPass:
    """Organizations, usage and what was set by hand. It hands out copies of its records.

    Args:
        lock: Guards everything that the sandbox holds.
        today: The sandbox's calendar day.
        changed: Called after each change.
        saved: What `snapshot` returned; None for new data.
    """

    def __init__(
        self, *, lock: RLock, today: Callable[[], date], changed: Callable[[], None], saved: Record | None
    ) -> None:
        self.lock = lock
        self._today = today
        self._changed = changed
        state: Record = saved or {
            "organizations": seed_organizations(),
            "plan_change": seed_plan_change(today()),
            "usage": {},
            "final": {},
            "requests": {},
        }
        self._organizations: dict[str, Record] = {record["id"]: record for record in state["organizations"]}
        self._plan_change: Record = state["plan_change"]
        self._usage: dict[str, dict[str, int | None]] = state["usage"]
        self._final: dict[str, bool] = state["final"]
        self._requests: dict[str, Record] = state["requests"]
        self.error_format: ErrorFormat = state.get("error_format", "assumed")

    def snapshot(self) -> Record:
        """The whole state, as JSON values."""
        return {
            "organizations": list(self._organizations.values()),
            "plan_change": self._plan_change,
            "usage": self._usage,
            "final": self._final,
            "requests": self._requests,
            "error_format": self.error_format,
        }

    def organizations(self) -> list[Record]:
        """All organizations, ordered by id."""
        with self.lock:
            return [_shown(record) for _, record in sorted(self._organizations.items())]

    def edit_organization(self, organization_id: str, **fields: Any) -> Record:  # noqa: ANN401 - checked below
        """Change `plan`, `license_type`, `status` or `msp_managed`, in all reports.

        Raises:
            ValueError: an unknown organization, field or value.
        """
        with self.lock:
            organization = self._organization(organization_id)
            for name, value in fields.items():
                if value not in _EDITABLE.get(name, ()):
                    raise ValueError(f"{name} of an organization cannot be set to {value!r}")
            if "plan" in fields and self._plan_change["organization_id"] == organization_id:
                self._plan_change["before"] = ""
            organization.update(fields)
            self._changed()
            return _shown(organization)

    def remove_organization(self, organization_id: str) -> None:
        """Delete an organization for good, as NordPass does: it is in no list and no report.

        Raises:
            ValueError: an unknown organization.
        """
        with self.lock:
            self._organization(organization_id)
            del self._organizations[organization_id]
            self._changed()

    def add_organization(self, new: Record) -> Record:
        """Add an organization; its reports begin with the running month.

        Args:
            new: `name`, `plan`, `license_type`.
        """
        with self.lock:
            number = max(record["number"] for record in self._organizations.values()) + 1
            organization: Record = {
                "id": str(uuid5(NAMESPACE_URL, f"nordpass-organization-{number}")),
                "name": new["name"],
                "plan": new["plan"],
                "license_type": new["license_type"],
                "status": "Active",
                "msp_managed": True,
                "number": number,
                "since": month_of(self._today()),
            }
            self._organizations[organization["id"]] = organization
            self._changed()
            return _shown(organization)

    def remembered(self, key: str) -> Record | None:
        """The request with this idempotency key, and its organization."""
        return self._requests.get(key)

    def append_seen(self, key: str, body: Record, organization: Record) -> None:
        """Record what an idempotency key was used for."""
        with self.lock:
            self._requests[key] = {"body": body, "organization": organization}
            self._changed()

    def set_error_format(self, error_format: ErrorFormat) -> None:
        """Choose how refusals are answered from now on."""
        with self.lock:
            self.error_format = error_format
            self._changed()

    # Usage

    def set_usage(self, organization_id: str, month: str, seats: int | None) -> None:
        """Set an organization's seats of a month; None removes its row from the report.

        Raises:
            ValueError: an unknown organization, or negative seats.
            UnknownMonth: the month has no report.
        """
        with self.lock:
            self._organization(organization_id)
            self._check_month(month)
            if seats is not None and seats < 0:
                raise ValueError(f"seats cannot be negative: {seats}")
            self._usage.setdefault(month, {})[organization_id] = seats
            self._changed()

    def set_report_final(self, month: str, final: bool) -> None:  # noqa: FBT001 - what it sets
        """Set whether a month's report is final.

        Raises:
            UnknownMonth: the month has no report.
        """
        with self.lock:
            self._check_month(month)
            self._final[month] = final
            self._changed()

    def usage(self, month: str) -> list[Record]:
        """The rows of a month's report."""
        return self.report(month)["items"]

    def report(self, month: str) -> Report:
        """A month's usage report.

        Raises:
            UnknownMonth: the month has no report.
        """
        with self.lock:
            self._check_month(month)
            today = self._today()
            closed = month < month_of(today)
            rows = [
                row
                for _, record in sorted(self._organizations.items())
                if (row := self._row(record, month)) is not None
            ]
            generated = datetime(today.year, today.month, today.day, 0, 0, 2, tzinfo=UTC)
            if closed:
                following = _month_number(month) + 1
                generated = datetime(following // 12, following % 12 + 1, 1, 0, 1, 2, tzinfo=UTC)
            return {
                "month": month,
                "final": self._final.get(month, closed),
                "generated_at": generated.isoformat().replace("+00:00", "Z"),
                "items": rows,
            }

    def _row(self, organization: Record, month: str) -> Record | None:
        overrides = self._usage.get(month, {})
        if organization["id"] in overrides:
            seats = overrides[organization["id"]]
        elif month < organization["since"]:
            seats = None
        else:
            seats = _seats(organization["number"], _month_number(month))
        if seats is None:
            return None
        changed = self._plan_change
        earlier = changed["organization_id"] == organization["id"] and month < changed["before"]
        return {
            "organization_id": organization["id"],
            "organization_name": organization["name"],
            "plan": changed["plan"] if earlier else organization["plan"],
            "license_type": organization["license_type"],
            "msp_managed": organization["msp_managed"],
            "consumed_licenses": seats,
        }

    def _organization(self, organization_id: str) -> Record:
        organization = self._organizations.get(organization_id)
        if organization is None:
            raise ValueError(f"there is no organization {organization_id}")
        return organization

    def _check_month(self, month: str) -> None:
        try:
            number = _month_number(month)
        except ValueError:
            raise UnknownMonth(f"{month} is not a month such as 2026-03") from None
        running = _month_number(month_of(self._today()))
        if not running - REPORTED_MONTHS <= number <= running:
            raise UnknownMonth(f"there is no usage report for {month}")


def month_of(day: date) -> str:
    """The month of a day, as `2026-03`."""
    return f"{day:%Y-%m}"


def _shown(organization: Record) -> Record:
    return {name: organization[name] for name in _SHOWN}


def _month_number(month: str) -> int:
    day = date.fromisoformat(f"{month}-01")
    return day.year * 12 + day.month - 1


def _seats(number: int, month: int) -> int:
    """Between 1 and 60 seats, which change from month to month; sometimes none."""
    if (number * 5 + month) % 29 == 0:
        return 0
    return 1 + (number * 17) % 50 + (number * 7 + month * 3) % 11
