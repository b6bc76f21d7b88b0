"""What each column means, in the words that stand below it in the source: for Dagster's catalog and the reference."""

from __future__ import annotations

import ast
import inspect
import itertools
from typing import TYPE_CHECKING, Any

from sqlalchemy import inspect as mapper_of

if TYPE_CHECKING:
    from cw_pipeline.warehouse.tables.base import Base

_SAME_EVERYWHERE = {
    "agreement_id": "The agreement.",
    "company_id": "The company.",
    "gone_at": "When it was first no longer listed; empty while it is.",
    "imported_at": "When it was imported last.",
    "month": "The month in which the seats were used, such as `2026-03`.",
    "organization_id": "The NordPass organization.",
    "organization_name": "Its name in the usage report.",
    "plan": "`Business` or `Enterprise`.",
    "psa": "The ConnectWise company, as `<site>|<company id>`.",
    "run_id": "Dagster's id of the run.",
}
"""What columns mean that several tables have."""


def column_meanings(table: type[Base]) -> dict[str, str | None]:
    """What each column of a table means, by its name; None for a key that refers to nothing else."""
    said = attribute_docstrings(*table.__mro__)
    mapper: Any = mapper_of(table)
    columns = ((attribute.key, attribute.columns[0]) for attribute in mapper.column_attrs)
    return {column.name: said.get(key, _SAME_EVERYWHERE.get(key)) for key, column in columns}


def attribute_docstrings(*classes: type) -> dict[str, str]:
    """The string below each attribute in the source of these classes, by the attribute's name."""
    said: dict[str, str] = {}
    for kind in reversed([one for one in classes if one.__module__.startswith("cw_pipeline.")]):
        node = next(one for one in ast.parse(inspect.getsource(kind)).body if isinstance(one, ast.ClassDef))
        for attribute, text in itertools.pairwise(node.body):
            if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
                match attribute:
                    case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
                        said[name] = " ".join(str(text.value.value).split())
                    case _:
                        pass
    return said
