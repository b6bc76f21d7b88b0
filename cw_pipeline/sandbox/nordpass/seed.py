"""The organizations of a fresh sandbox. Most are companies of the simulated ConnectWise, under similar names."""

from datetime import date
from uuid import NAMESPACE_URL, uuid5

from cw_pipeline.sandbox.connectwise.company_names import COMPANY_NAMES
from cw_pipeline.sandbox.wire import Record

_WITHOUT_ORGANIZATION = frozenset({5, 12, 17, 24, 31, 37})
"""Companies that have no NordPass."""
_WITHOUT_COMPANY = ("Sandbox MSP internal", "Test tenant", "Zenith Yoga Studio")
_INTERNAL = "Sandbox MSP internal"
_TRIALS = frozenset({9, 28, 50})
_SUSPENDED = frozenset({2, 19, 41})
_UNMANAGED = frozenset({14, 33})
_LONG_ID = 20
_CHANGED_PLAN = 8
_NEVER = ""
"""Sorts before every month."""


def seed_organizations() -> list[Record]:
    """The organizations of a fresh sandbox, with `number` and `since` for their usage."""
    names = [
        (number, _panel_name(number, name))
        for number, name in enumerate(COMPANY_NAMES)
        if number not in _WITHOUT_ORGANIZATION
    ]
    names += enumerate(_WITHOUT_COMPANY, len(COMPANY_NAMES))
    return [
        {
            "id": organization_id(number),
            "name": name,
            "plan": "Enterprise" if number % 4 == 0 else "Business",
            "license_type": "NFR" if name == _INTERNAL else "Trial" if number in _TRIALS else "Standard",
            "status": "Suspended" if number in _SUSPENDED else "Active",
            "msp_managed": number not in _UNMANAGED,
            "number": number,
            "since": _NEVER,
        }
        for number, name in names
    ]


def organization_id(number: int) -> str:
    """The id of the organization of the company with this index in the list of names."""
    made = str(uuid5(NAMESPACE_URL, f"nordpass-organization-{number}"))
    return f"tenant-eu-west-1-{made}" if number == _LONG_ID else made


def seed_plan_change(today: date) -> Record:
    """One organization had another plan until six months ago."""
    index = today.year * 12 + today.month - 1 - 6
    return {
        "organization_id": organization_id(_CHANGED_PLAN),
        "before": f"{index // 12:04d}-{index % 12 + 1:02d}",
        "plan": "Business",
    }


def _panel_name(number: int, name: str) -> str:
    """The company's name as somebody typed it into NordPass's panel."""
    match number % 5:
        case 1:
            return name.replace(" & ", " and ")
        case 2:
            return name.upper()
        case 3:
            return name.removesuffix(", Inc.").removesuffix(" LLP").removesuffix(" Ltd").replace(",", "")
        case 4:
            return f"{name} (NordPass)"
        case _:
            return name
