"""The server with one route more, than `benchmarks.changing`, which begins a large change: `python -m benchmarks.bulk_server PORT`.

Its child processes are this module, too (`python -m benchmarks.bulk_server`): they know one planner more, which sets a
column of all rows to a text.
"""

import sys

from webapp.imports import child_process, worker
from webapp.planners import registry
from webapp.planners.plan import Plan, PlanInput, Planner
from webapp.rowstore.entries import Entry
from webapp.rowstore.query import TableQuery


def plan_set(given: PlanInput) -> Plan:
    number, text = given.arguments["column"], given.arguments["text"]
    field = next(field for field in given.table.fields if field.number == number)
    for rows in given.rows.batches(given.table, TableQuery.of(given.table.fields), [field]):
        yield [Entry(row.id, number, row.cells[0], text) for row in rows if row.cells[0] != text]
    return {}


def _planner() -> Planner:
    return plan_set


registry.PLANNERS["set"] = _planner


def serve(port: int) -> int:
    from quart import request

    from benchmarks.changing import changing
    from settings import Settings
    from webapp.extensions import db
    from webapp.models.tables.change_set import Kind, Via
    from webapp.models.tables.large_changing import Planned, begin
    from webapp.server import serve
    from webapp.web.application import Application
    from webapp.web.session import current_user

    child_process.COMMAND = ("-m", "benchmarks.bulk_server")

    def planning(settings: Settings) -> Application:
        """`POST /bulk/17` with the planner's name and its arguments."""
        app = changing(settings)

        @app.post("/bulk/<id:table_id>")
        async def begin_bulk(table_id: int) -> dict[str, int]:
            name, arguments = await request.get_json()
            planned = Planned(name, arguments, Kind.CELLS, Via.PAGE)
            return {"id": (await db().write(begin, current_user(), table_id, planned)).id}

        return app

    return serve(Settings(port=port), factory=planning)


if __name__ == "__main__":
    sys.exit(serve(int(sys.argv[1])) if len(sys.argv) > 1 else worker.main())
