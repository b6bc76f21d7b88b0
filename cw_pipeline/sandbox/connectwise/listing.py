"""Lists and records as ConnectWise answers them: filtered, ordered and paged."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import Response

from cw_pipeline.sandbox.connectwise.conditions import is_compound, parse, value_of
from cw_pipeline.sandbox.connectwise.errors import Refusal, invalid_condition
from cw_pipeline.sandbox.connectwise.state import ConnectWise
from cw_pipeline.sandbox.wire import Record, json_response

DEFAULT_PAGE_SIZE = 25


@dataclass(frozen=True)
class Resource:
    """What lists of one kind of record support.

    Attributes:
        fields: The names that `conditions` and `orderBy` may use.
        children: The names that `childConditions` may use, with the collection's name first (`types/id`).
        forward_only: Whether they know forward-only paging.
        table: The table whose latest writes they may miss.
    """

    fields: frozenset[str]
    children: frozenset[str] = frozenset()
    forward_only: bool = True
    table: str = ""


def count_response(request: Request, records: Iterable[Record], resource: Resource, state: ConnectWise) -> Response:
    """Answer a `/count` request."""
    return json_response({"count": len(_filtered(request.query_params, records, resource, state))})


def list_response(request: Request, records: Iterable[Record], resource: Resource, state: ConnectWise) -> Response:
    """Answer a list request."""
    query = request.query_params
    settings = state.settings
    chosen = _filtered(query, records, resource, state)
    size = min(_positive(query, "pageSize", DEFAULT_PAGE_SIZE), settings.page_size_cap)
    headers: dict[str, str] = {}
    forward_only = request.headers.get("pagination-type", "").lower() == "forward-only"
    if forward_only and resource.forward_only:
        if query.get("orderBy"):
            raise invalid_condition("orderBy cannot be used with forward-only pagination.")
        after = _whole_number(query, "pageId", 0)
        rest = sorted((record for record in chosen if record["id"] > after), key=lambda record: record["id"])
        page = rest[:size]
        more = len(rest) > size or (settings.forward_only_ends_with_empty_page and bool(page))
        headers["Link"] = _link(request, "next", pageId=page[-1]["id"]) if more else ""
    else:
        number = _positive(query, "page", 1)
        page = _ordered(chosen, query.get("orderBy", ""), resource)[(number - 1) * size : number * size]
        last = max(1, -(-len(chosen) // size)) + (settings.numbered_pages_end_with_empty_page and bool(page))
        # An endpoint without forward-only paging answers such a request without the header.
        if not forward_only and (last > 1 or settings.link_on_single_page):
            headers["Link"] = _navigation(request, number, last)
    return json_response(page, headers=headers)


def report_response(
    request: Request, columns: Mapping[str, str], records: Iterable[Record], resource: Resource, state: ConnectWise
) -> Response:
    """Answer a report: columns with their types, and rows of values."""
    query = request.query_params
    chosen = _ordered(_filtered(query, records, resource, state), query.get("orderBy", ""), resource)
    size = min(_positive(query, "pageSize", DEFAULT_PAGE_SIZE), state.settings.page_size_cap)
    begin = (_positive(query, "page", 1) - 1) * size
    definitions = [
        {name: {"type": kind, "isNullable": True, "identityColumn": False}} for name, kind in columns.items()
    ]
    rows = [[record.get(name) for name in columns] for record in chosen[begin : begin + size]]
    return json_response({"column_definitions": definitions, "row_values": rows})


def _filtered(
    query: Mapping[str, str], records: Iterable[Record], resource: Resource, state: ConnectWise
) -> list[Record]:
    chosen = list(records)
    if conditions := query.get("conditions"):
        matches = parse(conditions, resource.fields)
        if state.settings.compound_conditions_find_nothing and is_compound(conditions):
            return []
        chosen = [
            record for record in chosen if matches(record) and not state.misses_list(resource.table, record["id"])
        ]
    if conditions := query.get("childConditions"):
        child_matches = parse(conditions, resource.children)
        collections = {name.split("/")[0] for name in resource.children}
        chosen = [
            record
            for record in chosen
            if any(child_matches({name: child}) for name in collections for child in record[name])
        ]
    return chosen


def _ordered(records: list[Record], order_by: str, resource: Resource) -> list[Record]:
    result = sorted(records, key=lambda record: record["id"])
    for clause in reversed([clause.split() for clause in order_by.split(",") if clause.strip()]):
        field, *direction = clause
        if field not in resource.fields:
            raise invalid_condition(f"{field} is not a recognized name.")
        if direction not in ([], ["asc"], ["desc"]):
            raise invalid_condition(f"'{' '.join(direction)}' is not an order.")
        result.sort(key=lambda record: _sort_key(value_of(record, field)), reverse=direction == ["desc"])
    return result


def _sort_key(value: object) -> tuple[bool, object]:
    return (value is not None, value.casefold() if isinstance(value, str) else value or 0)


def _navigation(request: Request, number: int, last: int) -> str:
    before = {"first": 1, "prev": number - 1} if number > 1 else {}
    after = {"next": number + 1, "last": last} if number < last else {}
    return ", ".join(_link(request, relation, page=page) for relation, page in (before | after).items())


def _link(request: Request, relation: str, **changes: int) -> str:
    # The page comes last: clients look for its number before the closing bracket.
    query = {name: value for name, value in request.query_params.items() if name not in changes} | changes
    # ConnectWise writes its percent escapes in lower case.
    encoded = re.sub(r"%[0-9A-F]{2}", lambda escape: escape[0].lower(), urlencode(query, quote_via=quote))
    return f'<{str(request.url).partition("?")[0]}?{encoded}>; rel="{relation}"'


def _positive(query: Mapping[str, str], name: str, default: int) -> int:
    return _whole_number(query, name, default) or default


def _whole_number(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, "")
    if not text:
        return default
    if not text.isdecimal():
        raise Refusal(400, "ConnectWiseApi", f"{name} has to be a whole number.")
    return int(text)
