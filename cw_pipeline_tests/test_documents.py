"""What is promised names the tests that prove it, and each of them is there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
PROMISES = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
NAMED = re.compile(r"`(\w+/test_\w+\.py)(?:::(test_\w+))?`")
CI = "ci.yml"


def test_every_test_that_a_promise_names_is_there() -> None:
    named = NAMED.findall(PROMISES)
    assert len(named) > 60
    for module, test in named:
        file = ROOT / "cw_pipeline_tests" / module
        assert file.is_file(), module
        assert not test or f"def {test}(" in file.read_text(encoding="utf-8"), test


def test_every_promise_names_a_test_or_the_job_that_takes_its_place() -> None:
    rows = [line for line in PROMISES.splitlines() if line.startswith("| ") and not line.startswith("| promise |")]
    assert len(rows) > 20
    assert [row for row in rows if "::test_" not in row and CI not in row] == []
