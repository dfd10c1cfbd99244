"""The rows that a decision is about, as JSON for the process that plans it: a query, not a list."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from webapp.rowstore.query import Clock, TableQuery, parse_ranges
from webapp.rowstore.table_ref import Field


def selection_to_json(query: TableQuery) -> dict[str, Any]:
    """ "Today" stays the day it is for whoever decides."""
    return {"query": query.args(), "today": query.clock.today.isoformat(), "zone": query.clock.zone}


def selection_from_json(data: Mapping[str, Any], fields: Sequence[Field]) -> TableQuery:
    """Raises `QueryError` where a column is gone."""
    args = [(str(name), str(value)) for name, value in data["query"]]
    query = TableQuery.from_args(args, tuple(fields), Clock(date.fromisoformat(data["today"]), data["zone"]))
    only = next((value for name, value in args if name == "rows"), "")
    return query.only_rows(parse_ranges(only)) if only else query
