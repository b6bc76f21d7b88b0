"""SQL is written as constants and SQLAlchemy's expressions, so that no text from outside can become a part of it."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import cw_pipeline

if TYPE_CHECKING:
    from collections.abc import Iterator

TAKE_TEXT = {"text", "literal_column", "DDL", "exec_driver_sql"}
TAKE_STATEMENTS = {"execute", "executemany", "executescript", "scalar", "scalars"}
PRODUCT = Path(cw_pipeline.__file__).parent


def put_together(source: str) -> Iterator[str]:
    """The calls that take SQL and get another text than one that is written there, with whole numbers in it (`:d`)."""
    for call in ast.walk(ast.parse(source)):
        if not isinstance(call, ast.Call) or not call.args:
            continue
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", None)
        is_metadata = ast.unparse(call.func).endswith("MetadataValue.text")
        takes_text = name in TAKE_TEXT and not is_metadata
        if (takes_text and not _is_written_there(call.args[0])) or (
            name in TAKE_STATEMENTS and _is_text_put_together(call.args[0])
        ):
            yield ast.unparse(call)


def _is_written_there(text: ast.expr) -> bool:
    if isinstance(text, ast.JoinedStr):
        holes = [part for part in text.values if isinstance(part, ast.FormattedValue)]
        return all(hole.format_spec is not None and ast.unparse(hole.format_spec) == "f'd'" for hole in holes)
    return isinstance(text, ast.Constant)


def _is_text_put_together(statement: ast.expr) -> bool:
    is_formatted = isinstance(statement, ast.Call) and ast.unparse(statement.func).endswith(".format")
    return is_formatted or isinstance(statement, ast.JoinedStr | ast.BinOp)


def test_no_statement_of_the_product_is_put_together() -> None:
    files = list(PRODUCT.rglob("*.py"))
    sources = {file: file.read_text(encoding="utf-8") for file in files}
    assert any("exec_driver_sql(" in source for source in sources.values())
    assert {str(file): found for file, source in sources.items() if (found := list(put_together(source)))} == {}


@pytest.mark.parametrize(
    "statement",
    [
        "session.execute(text(f'SELECT * FROM companies WHERE name = {name}'))",
        "session.execute(text('SELECT ' + column))",
        "connection.exec_driver_sql('DELETE FROM lines WHERE id = %s' % line)",
        "connection.execute('DELETE FROM {}'.format(table))",
        "session.scalars(select(Line).where(text(f'id = {line!r}')))",
        "session.execute(text(statement))",
    ],
)
def test_a_statement_that_is_put_together_is_found(statement: str) -> None:
    assert list(put_together(statement))


@pytest.mark.parametrize(
    "statement",
    [
        "session.execute(text('SELECT pg_advisory_lock(:number)').bindparams(number=number))",
        "connection.execute(text(f'SET lock_timeout = {seconds * 1000:d}'))",
        "session.execute(select(Line).where(Line.id == number + 1))",
    ],
)
def test_bound_parameters_and_whole_numbers_are_no_fault(statement: str) -> None:
    assert not list(put_together(statement))
