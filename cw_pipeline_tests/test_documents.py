"""What the documents name is there: the tests that prove a promise, the modules, the places to change."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

from cw_pipeline.definitions import defs

ROOT = Path(__file__).parent.parent
PROMISES = (ROOT / "docs/explanation/reliability.md").read_text(encoding="utf-8")
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


def test_the_architecture_names_modules_and_what_is_in_them() -> None:
    named = re.findall(
        r"`([\w/]+\.py)`(?: `(\w+)`)?", (ROOT / "docs/explanation/architecture.md").read_text(encoding="utf-8")
    )
    assert len(named) > 20
    for module, name in named:
        text = (ROOT / "cw_pipeline" / module).read_text(encoding="utf-8")
        assert not name or re.search(rf"\b(def|class) {name}\b|^{name} = ", text, re.MULTILINE), name


def test_the_places_to_contribute_to_exist() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    places = {place for place in re.findall(r"`([\w./]+/[\w.]*)`", text) if not place.startswith((".venv", ".site"))}
    assert len(places) > 20
    assert [
        place for place in places if not any((base / place).exists() for base in (ROOT, ROOT / "cw_pipeline"))
    ] == []


def test_the_reference_is_what_the_code_says() -> None:
    generate = runpy.run_path(str(ROOT / "docs" / "site" / "generate.py"))
    pages = {file.name: file.read_text(encoding="utf-8") for file in (ROOT / "docs" / "reference").glob("*.md")}
    for part in generate["PARTS"]:
        assert any(f"<!-- generated: {part} -->" in page for page in pages.values())
    outdated = [name for name, page in pages.items() if generate["generated"](page) != page]
    assert not outdated, "run `make docs`, and look at what it changed"


def test_the_page_of_checks_names_each_with_its_asset() -> None:
    rows = (ROOT / "docs" / "reference" / "checks.md").read_text(encoding="utf-8")
    for key in defs.resolve_asset_graph().asset_check_keys:
        assert f"| `{key.name}` | `{key.asset_key.to_user_string()}` |" in rows
