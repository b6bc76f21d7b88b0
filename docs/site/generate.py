"""Write what the code says of itself into the pages of the reference: `make docs` does, and a test compares.

Between `<!-- generated: NAME -->` and `<!-- end -->` a page has what `PARTS[NAME]` makes.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from pydantic import SecretStr
from sqlalchemy.dialects import postgresql

from cw_pipeline import settings
from cw_pipeline.billing.accounting import EntryKind
from cw_pipeline.billing.outcomes import FAILED, HELD, NOT_BILLED, RIGHT, Outcome
from cw_pipeline.cli.app import app
from cw_pipeline.definitions import defs
from cw_pipeline.orchestration.health import Daemon, DailyChecks, Health, Schedule, Tick
from cw_pipeline.orchestration.metrics import Metrics
from cw_pipeline.reports.last_push import LastPush
from cw_pipeline.vocabulary import Month
from cw_pipeline.warehouse.tables import Base
from cw_pipeline.warehouse.tables.meanings import attribute_docstrings, column_meanings
from cw_pipeline.wording.outcomes import LABELS
from cw_pipeline.wording.ways_out import WAYS_OUT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    import dagster as dg

REFERENCE = Path(__file__).parents[1] / "reference"
_PART = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
_LINK = re.compile(r"\[[^]]+\]\(/locations/[^)]+\)")  # works in the UI only
_PLAIN_TYPES = frozenset({"date", "money", "month", "plan", "seats", "state", "time"})  # have no members in the JSON


def settings_of(prefix: str) -> str:
    """The variables that begin with `prefix`."""
    return _table(
        ("variable", "default", "meaning"),
        (
            (
                f"`{name.upper()}`" + (" (secret)" if field.annotation == SecretStr | None else ""),
                "" if field.default is None else f"`{field.default}`",
                attribute_docstrings(*kind.__mro__)[name],
            )
            for kind in (settings.Settings, settings.Messages, settings.Heartbeat)
            for name, field in kind.model_fields.items()
            if name.upper().startswith(prefix) and name != "tenant"
        ),
    )


def outcomes_of(group: Iterable[Outcome]) -> str:
    """Codes, what people read instead, what they mean, and what a person can do."""
    said = attribute_docstrings(Outcome)
    ways_out = any(one in WAYS_OUT for one in group)
    rows = (
        (f"`{one}`", LABELS[one], said[one.name], *([WAYS_OUT[one]] if ways_out else []))
        for one in Outcome
        if one in group
    )
    return _table(("outcome", "in words", "meaning", *(["what to do"] if ways_out else [])), rows)


def commands() -> str:
    """Every command with its arguments and options."""
    return "\n\n".join(_commands(typer.main.get_command(app), "cw-pipeline"))


def _commands(command: Any, name: str) -> Iterator[str]:  # noqa: ANN401 - typer's own, not public
    for inner in getattr(command, "commands", {}).values():
        yield from _commands(inner, f"{name} {inner.name}")
    if hasattr(command, "commands"):
        return
    shown = [one for one in command.params if one.name not in ("help", "as_json") and not one.hidden]
    usage = [one.name.upper() if one.required else f"[{one.name.upper()}]" for one in shown if _is_argument(one)]
    rows = [(f"`{_flags(one)}`", (one.help or "") + (" Required." if one.required else "")) for one in shown]
    table = _table(("argument or option", "meaning"), rows) if rows else ""
    said = inspect.cleandoc(command.help).replace("\b\n", "")
    called = f"    {' '.join([name, *usage])}\n\n{said}\n\nFor example: `{command.epilog.removeprefix('Example: ')}`"
    yield f"## {name}\n\n{called}\n\n{table}".rstrip()


def _flags(parameter: Any) -> str:  # noqa: ANN401 - typer's own, not public
    if _is_argument(parameter):
        return str(parameter.name).upper()
    value = "" if parameter.is_flag else f" {parameter.metavar or parameter.opts[0].strip('-').upper()}"
    return ", ".join(parameter.opts) + value


def _is_argument(parameter: Any) -> bool:  # noqa: ANN401 - typer's own, not public
    return parameter.param_type_name == "argument"


def jobs() -> str:
    """Every job with its config."""
    return "\n\n".join(
        f"## {job.name}\n\n{_LINK.sub('', job.description or '').rstrip()}\n\n{_configs(job)}".rstrip()
        for job in defs.resolve_all_job_defs()
        if not job.name.startswith("__")
    )


def _configs(job: dg.JobDefinition) -> str:
    found = {node.name: node.definition.config_schema for node in job.graph.nodes}
    return "\n\n".join(
        f"Under `ops.{name}.config`:\n\n" + _table(("field", "default", "meaning"), rows)
        for name, schema in sorted(found.items())
        if schema and schema.config_type and (rows := list(_config("", schema.config_type)))
    )


def _config(path: str, kind: Any) -> Iterator[tuple[str, str, str]]:  # noqa: ANN401 - Dagster's own, not public
    if hasattr(kind, "inner_type"):
        many = kind.kind.name == "ARRAY"
        yield from _config(f"{path.removesuffix('.')}[]." if many else path, kind.inner_type)
    for name, field in getattr(kind, "fields", {}).items():
        default = json.dumps(field.default_value) if field.default_provided else ""
        default = f"`{default}`" if default not in ("", "null", '""') else ""
        yield f"`{path}{name}`", "required" if field.is_required else default, field.description or ""
        yield from _config(f"{path}{name}.", field.config_type)


def schedules() -> str:
    """Schedules and sensors."""
    found: list[Any] = [*(defs.schedules or ()), *(defs.sensors or ())]
    when = [f"`{one.cron_schedule}` UTC" if hasattr(one, "cron_schedule") else "after runs" for one in found]
    rows = ((f"`{one.name}`", at, one.description) for one, at in zip(found, when, strict=True))
    return _table(("name", "when", "does"), rows)


def metrics() -> str:
    """Every metric with its labels."""
    now, month = datetime.now(UTC), Month(2026, 3)
    health = Health(
        problems=(),
        daemons=(Daemon("SCHEDULER", healthy=True, last_heartbeat=now, error=None),),
        pending_migrations=(),
        location_seen_at=now,
        schedule=Schedule(on=True, last_tick=Tick(now, "success", None)),
        daily_checks=DailyChecks(now, (), now),
        months_due=(),
        last_pushed_month=LastPush(month, *[Decimal(0)] * 5, lines={Outcome.CREATED: 1}),
    )
    return _table(
        ("metric", "labels", "meaning"),
        (
            (f"`{one.name}`", ", ".join(f"`{label}`" for label in one.samples[0].labels), one.documentation)
            for one in Metrics(health).collect()
        ),
    )


def tables() -> str:
    """Every table with its columns."""
    mappers = {str(mapper.local_table): mapper for mapper in Base.registry.mappers}
    return "\n\n".join(
        f"## {name}\n\n{inspect.getdoc(mapper.class_)}\n\n" + _table(("column", "type", "meaning"), _columns(mapper))
        for name, mapper in sorted(mappers.items())
    )


def _columns(mapper: Any) -> Iterator[tuple[str, str, str]]:  # noqa: ANN401 - SQLAlchemy's mapper of any class
    said = column_meanings(mapper.class_)
    for attribute in mapper.column_attrs:
        (column,) = attribute.columns
        kind = str(column.type.compile(dialect=postgresql.dialect())).lower()
        kind += "".join(f", → `{key.target_fullname}`" for key in column.foreign_keys)
        kind += ", key" if column.primary_key else ", may be empty" if column.nullable else ""
        meaning, a_key = said[column.name], column.primary_key or column.foreign_keys
        assert meaning or a_key, f"{column} needs a string below it that says what it means"
        yield f"`{column.name}`", kind, meaning or ""


def ledger() -> str:
    """The kinds of ledger entries."""
    said = attribute_docstrings(EntryKind)
    return _table(("kind", "meaning"), ((f"`{kind}`", said[kind.name]) for kind in EntryKind))


def documents() -> str:
    """What each command prints with `--json`."""
    kinds = json.loads((REFERENCE / "cli-json.schema.json").read_text(encoding="utf-8"))["$defs"]
    return "\n\n".join(
        "\n\n".join(filter(None, [f"### {name}", kind.get("description"), _document(kind)]))
        for name, kind in kinds.items()
        if name not in _PLAIN_TYPES
    )


def _document(kind: Mapping[str, Any]) -> str:
    if "$ref" in kind:
        return f"See {_type(kind)}."
    return _table(("member", "type", "meaning"), dict.fromkeys(_members("", kind)))


def _members(path: str, kind: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """The members of an object and of the objects in it, but not of those that have a table of their own."""
    for name, member in kind.get("properties", {}).items():
        yield f"`{path}{name}`", _type(member), member.get("description", "")
        yield from _members(f"{path}{name}.", member)
    if kind.get("type") == "array":
        yield from _members(f"{path.removesuffix('.')}[].", kind["items"])
    for choice in kind.get("oneOf", kind.get("anyOf", [])):
        yield from _members(path, choice)
    if values := kind.get("additionalProperties"):
        yield from _members(f"{path}<key>.", values)


def _type(kind: Mapping[str, Any]) -> str:
    if "$ref" in kind:
        name = str(kind["$ref"]).rpartition("/")[2]
        return name if name in _PLAIN_TYPES else f"[{name}](#{name})"
    if choices := kind.get("oneOf", kind.get("anyOf")):
        return " or ".join(dict.fromkeys(_type(choice) for choice in choices))
    if "enum" in kind:
        return ", ".join(f"`{one}`" for one in kind["enum"])
    if kind.get("type") == "array":
        return f"list of {_type(kind['items'])}"
    return kind["type"] if isinstance(kind["type"], str) else " or ".join(kind["type"])


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    cells = (" | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in row) for row in rows)
    return "\n".join([f"| {' | '.join(head)} |", "|---" * len(head) + "|", *(f"| {row} |" for row in cells)])


PARTS: dict[str, Callable[[], str]] = {
    "connectwise": lambda: settings_of("CONNECTWISE_"),
    "nordpass": lambda: settings_of("NORDPASS_"),
    "pipeline": lambda: settings_of("CW_PIPELINE_"),
    "right": lambda: outcomes_of(RIGHT),
    "not_billed": lambda: outcomes_of(NOT_BILLED),
    "held": lambda: outcomes_of(HELD),
    "failed": lambda: outcomes_of(FAILED),
    "commands": commands,
    "jobs": jobs,
    "schedules": schedules,
    "metrics": metrics,
    "tables": tables,
    "ledger": ledger,
    "documents": documents,
}


def generated(page: str) -> str:
    """The page with its generated parts as they have to be now."""
    return _PART.sub(lambda part: f"{part[1]}\n{PARTS[part[2]]()}\n\n{part[3]}", page)


def main() -> None:
    """Write all pages, and name those that were out of date."""
    for file in sorted(REFERENCE.glob("*.md")):
        before = file.read_text(encoding="utf-8")
        if (after := generated(before)) != before:
            file.write_text(after, encoding="utf-8")
            sys.stdout.write(f"{file.name} was out of date\n")


if __name__ == "__main__":
    main()
