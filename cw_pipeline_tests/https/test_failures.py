from datetime import UTC, datetime

import pytest

from cw_pipeline.https.failures import retry_after_seconds


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("30", 30.0),
        (" 5 ", 5.0),
        ("Sun, 01 Mar 2026 00:00:45 GMT", 45.0),
        ("Sun, 01 Mar 2026 00:00:45 -0000", 45.0),
        ("Sat, 28 Feb 2026 23:00:00 GMT", 0.0),
        ("soon", None),
        ("9" * 5000, float("inf")),
        ("Sun, 01 Mar 99999999999 00:00:45 GMT", None),
        ("-5", None),
        ("", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(header: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(header, now=datetime(2026, 3, 1, tzinfo=UTC)) == seconds
