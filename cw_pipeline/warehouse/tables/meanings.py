"""What each column means, from the string below it in the source: for Dagster's catalog and the reference."""

from __future__ import annotations

import ast
import inspect
import itertools
from typing import TYPE_CHECKING, Any

from sqlalchemy import inspect as mapper_of

if TYPE_CHECKING:
    from cw_pipeline.warehouse.tables.base import Base

_SAME_EVERYWHERE = {
    "addition_id": "The line's id in ConnectWise.",
    "agreement_id": "The agreement.",
    "chosen_at": "When a person chose that.",
    "company_id": "The company.",
    "gone_at": "When it was first no longer listed; empty while it is.",
    "imported_at": "When it was imported last.",
    "license_type": "`Standard`, `Trial` or `NFR`.",
    "mapped_at": "When it was mapped.",
    "month": "The month in which the seats were used, such as `2026-03`.",
    "name": "Its name.",
    "organization_id": "The NordPass organization.",
    "organization_name": "Its name in the usage report.",
    "plan": "`Business` or `Enterprise`.",
    "product_id": "The product.",
    "psa": "The ConnectWise company, as `<site>|<company id>`.",
    "requests_read": "How many requests read ConnectWise.",
    "run_id": "Dagster's id of the run.",
}
"""The columns that several tables have."""


def column_meanings(table: type[Base]) -> dict[str, str | None]:
    """What each column of a table means, by its name; None for a key that refers to nothing else."""
    docstrings = attribute_docstrings(*table.__mro__)
    mapper: Any = mapper_of(table)
    columns = ((attribute.key, attribute.columns[0]) for attribute in mapper.column_attrs)
    return {column.name: docstrings.get(key, _SAME_EVERYWHERE.get(key)) for key, column in columns}


def attribute_docstrings(*classes: type) -> dict[str, str]:
    """The string below each attribute in the source of these classes, by the attribute's name."""
    docstrings: dict[str, str] = {}
    for kind in reversed(classes):
        if not kind.__module__.startswith("cw_pipeline."):
            continue
        (definition,) = ast.parse(inspect.getsource(kind)).body
        for attribute, text in itertools.pairwise(definition.body if isinstance(definition, ast.ClassDef) else ()):
            match attribute, text:
                case (
                    ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]),
                    ast.Expr(value=ast.Constant(value=str(docstring))),
                ):
                    docstrings[name] = inspect.cleandoc(docstring).replace("\n", " ")
                case _:
                    pass
    return docstrings
