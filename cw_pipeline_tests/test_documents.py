"""The documents name tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
NAMED = re.compile(r"`(\w+/test_\w+\.py)(?:::(test_\w+))?`")


@pytest.mark.parametrize("document", ["reliability.md"])
def test_every_test_that_a_document_names_is_there(document: str) -> None:
    named = NAMED.findall((ROOT / "docs" / document).read_text(encoding="utf-8"))
    assert len(named) > 20
    for module, test in named:
        file = ROOT / "cw_pipeline_tests" / module
        assert file.is_file(), module
        assert f"def {test}" in file.read_text(encoding="utf-8"), test
