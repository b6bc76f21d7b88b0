"""What each field of a reply or an export is expected to be, in the words of messages."""

from typing import Final

from cw_pipeline.https.safe_text import shortened
from cw_pipeline.nordpass.models import LONGEST_ID, LONGEST_TEXT, MOST_LICENSES

UNIQUE: Final = "each organization once"

_ID: Final = f"an organization id (not empty, without spaces, at most {LONGEST_ID} letters)"
_NAME: Final = f"a name on one line, of at most {LONGEST_TEXT} letters"
_BOOLEAN: Final = "true or false"

EXPECTED: Final = {
    "id": _ID,
    "organization_id": _ID,
    "name": _NAME,
    "organization_name": _NAME,
    "plan": "Business or Enterprise",
    "license_type": "Standard, Trial or NFR",
    "status": "Active or Suspended",
    "msp_managed": _BOOLEAN,
    "consumed_licenses": f"a whole number from 0 to {MOST_LICENSES}",
    "month": "a month such as 2026-03",
    "final": _BOOLEAN,
    "generated_at": "a time with its UTC offset",
    "items": "a list of at most 10000 items",
    "next_cursor": "null or a cursor",
}

_LETTERS_SHOWN: Final = 40


def quoted(value: object) -> str:
    """The value as a message quotes it: escaped and short."""
    return shortened(repr(value), _LETTERS_SHOWN)
