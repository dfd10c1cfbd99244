"""How the API refuses what does not fit a table: which row, which cell, which field or parameter, and why."""

from typing import Any

from quart import Response, request

from webapp.api import bp
from webapp.db.errors import UserError
from webapp.models.errors import NotFound
from webapp.models.tables.column_properties import TitleRefused
from webapp.models.tables.column_sheet import LastColumn
from webapp.models.tables.columns import ColumnChanged
from webapp.models.tables.creating import ColumnRefused
from webapp.models.tables.deletion import ImportRunning
from webapp.models.tables.forms import TooManyForms
from webapp.models.tables.import_model import StateConflict
from webapp.models.tables.large_change import LargeChangeRunning, PurgeRunning
from webapp.models.tables.link_views import ViewSavedAnew
from webapp.models.tables.linking import NeverBoth, TooManyLinks, TooManyOrigins
from webapp.models.tables.members import IsOwner, TooManyMembers
from webapp.models.tables.row_input import KeyRefused, RowProblem, RowsRefused
from webapp.models.tables.sheet import TableNotReady
from webapp.models.tables.type_change import RowsComing, TypeChangeRunning
from webapp.models.tables.type_changing import NoSuchType
from webapp.models.tables.unattended import NotCompared
from webapp.models.tables.update_checks import SettingsRefused
from webapp.models.tables.view_saving import DefaultNotShared, NameTaken, TooManyViews, ViewChanged
from webapp.models.tables.webhook_terms import WrongAddress
from webapp.models.tables.webhooks import NoSuchChange, TooManyWaiting, TooManyWebhooks
from webapp.rowstore.column_rules import RulesRefused
from webapp.rowstore.errors import QueryError
from webapp.web.errors import error_response

MAX_POINTER = 1_200  # characters; titles have up to 120, each of which may take nine
# What is so only for now, or because of what somebody else has done.
CONFLICTS = (
    ColumnChanged,
    ImportRunning,
    IsOwner,
    LargeChangeRunning,
    LastColumn,
    NameTaken,
    NotCompared,
    PurgeRunning,
    RowsComing,
    StateConflict,
    TableNotReady,
    TooManyForms,
    TooManyLinks,
    TooManyMembers,
    TooManyViews,
    TooManyWaiting,
    TooManyWebhooks,
    TypeChangeRunning,
    ViewChanged,
    ViewSavedAnew,
)
# The field that a refusal is about.
FIELDS: dict[type[UserError], str] = {
    TitleRefused: "title",
    NoSuchType: "format",
    RulesRefused: "rules",
    DefaultNotShared: "is_default",
    NeverBoth: "origins",
    TooManyOrigins: "origins",
    WrongAddress: "url",
    NoSuchChange: "seq",
}


@bp.errorhandler(RowsRefused)
async def answer_rows_refused(error: RowsRefused) -> Response:
    is_single = request.view_args is not None and "row_id" in request.view_args
    if is_single and error.problems[0].what == "missing":
        return error_response(404, str(NotFound("row")))
    problems = [_describe(problem, is_single=is_single) for problem in error.problems]
    return error_response(409 if error.is_conflict else 422, str(error), errors=problems)


@bp.errorhandler(QueryError)
async def answer_query_error(error: QueryError) -> Response:
    parameter = {"parameter": error.argument} if error.argument else {}
    return error_response(422, str(error), errors=[{"detail": str(error)} | parameter])


@bp.errorhandler(KeyRefused)
async def answer_key_refused(error: KeyRefused) -> Response:
    return error_response(422, str(error), errors=[{"detail": str(error), "pointer": f"#/key/{error.place}"}])


@bp.errorhandler(SettingsRefused)
async def answer_settings_refused(error: SettingsRefused) -> Response:
    return error_response(422, str(error), errors=[{"detail": str(error), "pointer": f"#/{error.field}"}])


@bp.errorhandler(ColumnRefused)
async def answer_column_refused(error: ColumnRefused) -> Response:
    pointer = f"#/columns/{error.place}/{error.name}"
    return error_response(422, str(error), errors=[{"detail": str(error), "pointer": pointer}])


async def answer_field_refused(error: UserError) -> Response:
    detail = "This is no format of this type." if isinstance(error, NoSuchType) else str(error)
    return error_response(422, detail, errors=[{"detail": detail, "pointer": f"#/{FIELDS[type(error)]}"}])


async def answer_conflict(error: UserError) -> Response:
    return error_response(409, str(error))


for field_error in FIELDS:
    bp.register_error_handler(field_error, answer_field_refused)
for conflict in CONFLICTS:
    bp.register_error_handler(conflict, answer_conflict)


def _describe(problem: RowProblem, *, is_single: bool) -> dict[str, Any]:
    steps = [problem.part] if is_single else ["rows", str(problem.place), problem.part]
    steps += [] if problem.column is None else [problem.column]
    pointer = "#" + "".join(f"/{step.replace('~', '~0').replace('/', '~1')}" for step in steps)
    found: dict[str, Any] = {"detail": problem.reason, "pointer": pointer[:MAX_POINTER]}
    found |= {} if is_single else {"index": problem.place}
    return found if problem.column is None else found | {"column": problem.column}
