"""The list of people: search as you type, sorting, endless scrolling."""

from quart import request
from quart.typing import ResponseReturnValue

from webapp.admin import bp, listing, view
from webapp.admin.listing import Query
from webapp.extensions import config, db
from webapp.web.access import Action, may
from webapp.web.formatting import plural
from webapp.web.fragments import render
from webapp.web.session import current_user


@bp.get("/people")
@may(Action.MANAGE_PEOPLE)
async def people_index() -> ResponseReturnValue:
    shown = await _list()
    return await render("admin/people/index.html", "admin/people/_results.html", list=shown)


@bp.get("/people/rows")
@may(Action.MANAGE_PEOPLE)
async def people_rows() -> ResponseReturnValue:
    """The next people, to append to a list; never a page of its own."""
    return await render("admin/people/_rows.html", list=await _list())


async def _list() -> view.ListView:
    query = Query.from_args(request.args)
    async with db().reading() as session:
        page = await listing.fetch(session, query, config(), request.args.get("after"))
        found = await listing.count(session, query)
        everybody = await listing.count(session, Query()) if query.search else found
    summary = plural(everybody, "person", "people")
    if query.search:
        summary = f"{found:,} of {summary} with “{query.search}” in the name or address"
    return view.list_view(current_user(), query, page, summary)
