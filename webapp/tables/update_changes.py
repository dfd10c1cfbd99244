"""What changed between two uploads: what a further file did to its table, filtered, and as CSV."""

from pathlib import PurePath
from typing import Any

from quart import Response, request, url_for
from quart.typing import ResponseReturnValue

from webapp.extensions import config, db, row_store
from webapp.models import Import, is_allowed
from webapp.models.errors import NotFound
from webapp.models.tables.access import TableAccess, find_access
from webapp.models.tables.history_query import find_set
from webapp.models.tables.import_update import ImportUpdate, find_update, upload_before
from webapp.models.tables.update_diff import ChangeKind, DiffFilter, diff_as_csv, read_diff
from webapp.rowstore.reader import Blocks, RowReader
from webapp.tables import bp
from webapp.tables.history import present_diff, readable_titles
from webapp.web.access import Action, may
from webapp.web.exporting import BOM, excel_delimiter
from webapp.web.fragments import render_large
from webapp.web.row_reads import read_rows
from webapp.web.session import current_user
from webapp.web.streaming import streamed

EXPORTS: dict[str, dict[str, Any]] = {"CSV": {}, "CSV for Excel": {"safe": "1", "excel": "1"}}
KINDS = {ChangeKind.ADDED: "Added rows", ChangeKind.REMOVED: "Removed rows", ChangeKind.CHANGED: "Changed cells"}


@bp.get("/<id:table_id>/imports/<import_id>/changes")
async def updates_changes(table_id: int, import_id: str) -> ResponseReturnValue:
    access = await find_access(db(), current_user(), table_id)
    import_, update, seq = await _find(table_id, import_id)
    wanted, after = _wanted(), _after(request.args.get("after", ""))
    page = await read_rows(lambda rows: read_diff(rows, table_id, seq, wanted, after), config().query_timeout)
    one = await db().read(lambda connection: find_set(connection, table_id, seq))
    async with db().reading() as session:
        before = await upload_before(session, update, import_)
    args: dict[str, Any] = {"table_id": table_id, "import_id": import_id, **_args(wanted)}
    after_page = "" if page.after is None else f"{page.after[0]}.{page.after[1]}"
    return await render_large(
        "tables/updates/changes.html",
        table=access.table,
        import_=import_,
        before=before,
        wanted=wanted,
        kinds=list(KINDS.items()),
        one=one,
        entries=await present_diff(access, page.entries),
        more_url=url_for("tables.updates_changes", **args, after=after_page) if after_page else None,
        exports=[
            (title, url_for("tables.updates_export", **args, **how))
            for title, how in EXPORTS.items()
            if _may_edit(access)
        ],
        set_url=url_for("tables.histories_show", table_id=table_id, seq=seq),
    )


@bp.get("/<id:table_id>/imports/<import_id>/changes/export")
@may(Action.EDIT_TABLE)
async def updates_export(table_id: int, import_id: str) -> Response:
    """As CSV. It has the texts of removed rows, which are for those who could bring them back."""
    access = await find_access(db(), current_user(), table_id, Action.EDIT_TABLE)
    import_, _, seq = await _find(table_id, import_id)
    wanted, titles = _wanted(), await readable_titles(access)
    store, name = row_store(), f"{PurePath(import_.filename).stem}, changes.csv"  # the stream outlives the context
    excel, is_safe = excel_delimiter() if request.args.get("excel") == "1" else None, request.args.get("safe") == "1"

    def read(rows: RowReader) -> Blocks:
        if excel:
            yield BOM
        yield from diff_as_csv(rows, table_id, seq, wanted, titles, safe=is_safe, delimiter=excel or ",")

    return streamed(lambda: store.stream(read), "text/csv", name)


async def _find(table_id: int, import_id: str) -> tuple[Import, ImportUpdate, int]:
    """And its change set. Raises `NotFound` if it has not changed anything."""
    import_, update = await find_update(db(), table_id, import_id)
    if update.seq is None:
        raise NotFound("change")
    return import_, update, update.seq


def _wanted() -> DiffFilter:
    """What means nothing is as if it was not there."""
    kind, column = request.args.get("kind", ""), request.args.get("column", type=int)
    return DiffFilter(ChangeKind(kind) if kind in list(ChangeKind) else None, column)


def _args(wanted: DiffFilter) -> dict[str, Any]:
    args = {"kind": wanted.kind, "column": wanted.column}
    return {name: value for name, value in args.items() if value is not None}


def _after(text: str) -> tuple[int, int]:
    part, _, place = text.partition(".")
    is_place = part.isascii() and place.isascii() and part.isdigit() and place.isdigit() and len(text) < 20
    return (int(part), int(place)) if is_place else (0, 0)


def _may_edit(access: TableAccess) -> bool:
    return is_allowed(current_user(), Action.EDIT_TABLE, access)
