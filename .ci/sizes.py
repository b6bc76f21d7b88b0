"""Fail where a module has more than 300 lines, or a function more than 60."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGES = ("benchmarks", "cw_pipeline", "cw_pipeline_tests", "docs")
MODULE_LINES = 300
FUNCTION_LINES = 60
FREE = {
    "cw_pipeline/warehouse/migrations/versions/": "a migration is never edited again",
}
"""Paths that may be longer, each with the reason."""


def faults(file: Path) -> list[str]:
    """What is too long in a file, each with where it is."""
    name = file.relative_to(ROOT).as_posix()
    source = file.read_text(encoding="utf-8")
    lines = len(source.splitlines())
    found = [f"{name}: {lines} lines, of {MODULE_LINES} at most"] if lines > MODULE_LINES else []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES:
                found.append(f"{name}:{node.lineno}: {node.name} has {length} lines, of {FUNCTION_LINES} at most")
    return found


def main() -> int:
    """Print what is too long; 1 if anything is."""
    files = sorted(file for package in PACKAGES for file in (ROOT / package).rglob("*.py"))
    found = [
        fault
        for file in files
        if not file.relative_to(ROOT).as_posix().startswith(tuple(FREE))
        for fault in faults(file)
    ]
    sys.stdout.writelines(f"{fault}\n" for fault in found)
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
