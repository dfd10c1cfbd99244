"""What is in a column: loaded by its panel once that stands, since it looks at every value."""

from quart import request
from quart.typing import ResponseReturnValue

from webapp.engine.query import TableQuery
from webapp.extensions import db
from webapp.models import Table
from webapp.tables import bp
from webapp.tables.columns import column_page, find_column, query_without
from webapp.tables.view import Addresses
from webapp.web.access import find_table, signed_in
from webapp.web.fragments import is_partial, render


@bp.get("/<int:table_id>/columns/<int:number>/profile")
async def profiles_show(table_id: int, number: int) -> ResponseReturnValue:
    table = await find_table(signed_in(), table_id)
    query = TableQuery.from_args(request.args, table.columns)
    return await render("tables/columns/_profile.html")
