"""Every URL concerning one table and one query: a page of the grid has a hundred, most of which differ in a number."""

from functools import cached_property, lru_cache
from typing import Any
from urllib.parse import urlencode

from webapp.rowstore.query import TableQuery
from webapp.web.paths import paths

_IN_PATHS = ("number", "row_id", "view_id")


class TableUrls:
    def __init__(self, table_id: int, query: TableQuery) -> None:
        self.table_id = table_id
        self.query = query
        self._path_to, self._leads_to = paths().to, paths().leads_to
        self._paths: dict[str, str] = {}

    def to(self, endpoint: str, query: TableQuery | None = None, /, **more: object) -> str:
        """The URL of `endpoint` for this table; other arguments follow those of the query."""
        ids: dict[str, Any] = {name: more.pop(name) for name in _IN_PATHS if name in more} if more else {}
        path = self._path_to(endpoint, table_id=self.table_id, **ids) if ids else self._path(endpoint)
        own = self._own if query is None or query is self.query else query.query_string()
        if not more:
            return path + own
        return path + _join(
            own, _encode(tuple((name, str(value)) for name, value in more.items() if value is not None))
        )

    def _path(self, endpoint: str) -> str:
        """Many of a page's links lead to the same few endpoints."""
        if (path := self._paths.get(endpoint)) is None:
            path = self._paths[endpoint] = self._path_to(endpoint, table_id=self.table_id)
        return path

    def to_all(self, endpoint: str) -> str | None:
        """The same with all rows of the view, for whoever has such a page."""
        return self.to(endpoint, None, rows="all") if self._leads_to(endpoint) else None

    def table(self, query: TableQuery | None = None, /, **more: object) -> str:
        return self.to("tables.show", query, **more)

    def sorted_by(self, number: int, *, descending: bool = False) -> str:
        """The table, sorted by this column alone."""
        before, after = self._around_sort
        return f"{before}{'-' if descending else ''}{number}{after}"

    @cached_property
    def _own(self) -> str:
        return self.query.query_string()

    @cached_property
    def _around_sort(self) -> tuple[str, str]:
        """No value contains `=`, which would be written `%3D`, and no column has the number 0."""
        path = self._path_to("tables.show", table_id=self.table_id)
        before, _, after = (path + self.query.query_string_sorted_by("0")).partition("sort=0")
        return f"{before}sort=", after

    def column(self, number: int) -> str:
        return self._column.replace("/columns/0", f"/columns/{number}", 1)

    @cached_property
    def _column(self) -> str:
        return self.to("tables.columns_show", number=0)

    def cell(self, row_id: int, number: int) -> str:
        """A cell in whole, which no view changes."""
        return self._path_to("tables.cells_show", table_id=self.table_id, row_id=row_id, number=number)

    def cell_history(self, row_id: int, number: int) -> str | None:
        if not self._leads_to("tables.rows_history"):
            return None
        return f"{self._path_to('tables.rows_history', table_id=self.table_id, row_id=row_id)}?column={number}"

    def row(self, row_id: str) -> str:
        """Built by hand: the converter accepts only numbers, and the grid asks for a placeholder."""
        return self.to("tables.rows_show", row_id=0).replace("/rows/0", f"/rows/{row_id}", 1)


@lru_cache(maxsize=512)
def _encode(pairs: tuple[tuple[str, str], ...]) -> str:
    """Mostly the same ones, such as those of exports."""
    return urlencode(pairs, safe=":,")


def _join(query_string: str, added: str) -> str:
    if not added:
        return query_string
    return f"{query_string}&{added}" if query_string else f"?{added}"
