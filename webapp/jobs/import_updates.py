"""A further file for a table: how it is probably laid over it, and the comparison, which runs in a child process."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from webapp.db.errors import UserError
from webapp.imports.column_matching import FileColumn, Match, TableColumn, likely_keys, match_columns
from webapp.imports.report import InspectionReport
from webapp.imports.requests import CompareRequest
from webapp.imports.update_settings import LEFT_OUT, NEW, Mode, UpdateSettings
from webapp.jobs.context import JobContext
from webapp.jobs.import_passes import RECORD_INSPECTION, get_table, report_progress, run_child, run_pass, when_not_busy
from webapp.models import Import, ImportState, Table
from webapp.models.tables import import_updating, unattended
from webapp.models.tables.change_set import Kind
from webapp.models.tables.editing import with_deleted_columns
from webapp.models.tables.import_update import ImportSource, ImportUpdate, base_of, find_source, last_of_source
from webapp.models.tables.import_wishes import Wishes
from webapp.models.tables.update_checks import ensure_fitting
from webapp.rowstore.errors import QueryTimeout
from webapp.rowstore.reader import RowReader
from webapp.rowstore.table_ref import Field

LOOKING_SECONDS = 5.0  # for texts that tell which column is which, and for a key
MAX_LOOKED = 12  # columns, of the file and of the table, that are compared by their contents
MAX_KEYS = 6  # columns that are tried as keys
FROM_FILES = (Kind.IMPORT, Kind.IMPORT_UPDATE)


async def record_inspection(context: JobContext, import_id: str, inspection: dict[str, Any]) -> None:
    """With how the file is probably laid over its table, as far as its sender has not said. Raises `TableGone` and
    `SettingsRefused`.
    """
    report = InspectionReport.from_json(inspection)
    titles = [column.title for column in report.columns]
    update, table = await _find(context, import_id)
    async with context.database.reading() as session:
        source = await find_source(session, table.id, update.source, titles)
    import_ = await context.get_import(import_id)
    wishes = Wishes.from_json(import_.wishes if import_ is not None else None)
    matches = await _match(context, report, table, source)
    settings = wishes.applied_to(await _settings(context, report, table, matches, source), table.columns)
    is_sure = wishes.starts or _is_sure(settings, matches)
    verb = import_updating.record_inspection
    await when_not_busy(context.database.write, verb, import_id, inspection, matches, settings, is_sure=is_sure)


RECORD_INSPECTION[True] = record_inspection


async def compare_import(context: JobContext, import_id: str) -> None:
    """The dry run; then it is applied, if that was wished."""

    async def compare(import_: Import) -> None:
        folder, request = context.folder(import_id), await _request(context, import_)
        await run_child(context, import_id, request.to_json(), report_progress(context, import_))
        comparison = json.loads(await asyncio.to_thread(folder.comparison.read_bytes))
        await when_not_busy(context.database.write, import_updating.record_comparison, import_id, comparison)

    await run_pass(context, import_id, ImportState.COMPARING, compare)
    try:
        plan = str(context.folder(import_id).plan)
        await when_not_busy(context.database.write, unattended.apply_wished, import_id, plan)
    except UserError as problem:
        await when_not_busy(context.database.write, unattended.refuse, import_id, str(problem))


async def _find(context: JobContext, import_id: str) -> tuple[ImportUpdate, Table]:
    """Raises `TableGone`."""
    async with context.database.reading() as session:
        update = await session.get(ImportUpdate, import_id)
    table = await get_table(context, update.table_id) if update is not None else None
    if update is None or table is None:
        raise import_updating.TableGone
    return update, table


async def _request(context: JobContext, import_: Import) -> CompareRequest:
    """Raises `SettingsRefused` if columns that it needs have been deleted meanwhile."""
    update, table = await _find(context, import_.id)
    async with context.database.reading() as session:
        since = await base_of(session, table.id)
        last = await last_of_source(session, table.id, update.source)
    ref = await context.database.read(lambda connection: with_deleted_columns(connection, table))
    report, settings = InspectionReport.from_json(import_.inspection or {}), UpdateSettings.from_json(update.settings)
    ensure_fitting(settings, report, table.columns)
    fields = compared_fields(report, settings, ref.fields)
    return CompareRequest(
        folder=str(context.folder(import_.id).path),
        address=context.rows.address,
        options=asdict(report.options),
        table=ref,
        columns=list(fields.values()),
        positions=list(fields),
        settings=settings.to_json(),
        rows=table.row_count,
        since=since,
        from_files=FROM_FILES,
        last_plan=str(context.folder(last.import_id).plan) if last is not None else None,
        last_decision=last.decision if last is not None else {},
        mark=mark_field(settings, ref.fields, len(report.columns)),
    )


def compared_fields(report: InspectionReport, settings: UpdateSettings, fields: Sequence[Field]) -> dict[int, Field]:
    """The columns of the file by index that are compared, as fields of the table; new ones have numbers below 0."""
    known = {field.number: field for field in fields}
    found = {}
    for index, number in settings.columns.items():
        if number in known:
            found[index] = known[number]
        elif number == NEW:
            guess = report.columns[index]
            found[index] = Field(-index - 1, guess.title, guess.type, dict(guess.format), guess.keeps_texts)
    return found


def mark_field(settings: UpdateSettings, fields: Sequence[Field], width: int) -> Field | None:
    """The column for marks of missing rows: of the table, or a new one behind those of the file."""
    if settings.mark == NEW:
        return Field(-width - 1, import_updating.MARK_TITLE, "text", {})
    return next((field for field in fields if field.number == settings.mark), None)


# -- what is probably meant --------------------------------------------------------------------------------------------


async def _match(
    context: JobContext, report: InspectionReport, table: Table, source: ImportSource | None
) -> list[Match]:
    remembered = source.columns if source is not None else {}
    file = [FileColumn(index, column.title, _texts_of(report, index)) for index, column in enumerate(report.columns)]
    plain = [TableColumn(column.number, column.title) for column in table.columns]
    matches = match_columns(file, plain, remembered)
    open_ = [file[match.index] for match in matches if match.number == NEW][:MAX_LOOKED]
    taken = {match.number for match in matches}
    free = [field for field in table.ref.fields if field.number not in taken][:MAX_LOOKED]
    if not open_ or not free:
        return matches
    texts = await _look(context, table, {field.number: field for field in free}, open_)
    return match_columns(file, [replace(column, texts=texts.get(column.number, ())) for column in plain], remembered)


def _texts_of(report: InspectionReport, index: int) -> set[str]:
    """Some of the texts of a column of the file."""
    return {row[index] for row in report.sample} | set(report.columns[index].samples)


async def _look(
    context: JobContext, table: Table, fields: Mapping[int, Field], columns: Sequence[FileColumn]
) -> dict[int, set[str]]:
    """Which texts of these columns of the file are in these columns of the table."""
    wanted = sorted({text for column in columns for text in column.texts if text})

    def look(rows: RowReader) -> dict[int, set[str]]:
        return {number: set(rows.first_rows(table.ref, field, wanted)) for number, field in fields.items()}

    try:
        return await context.rows.read(look, LOOKING_SECONDS)
    except QueryTimeout:
        return {}


async def _settings(
    context: JobContext, report: InspectionReport, table: Table, matches: Sequence[Match], source: ImportSource | None
) -> UpdateSettings:
    columns = {match.index: match.number for match in matches}
    mapped = set(columns.values()) - {NEW, LEFT_OUT}
    if source is not None:
        known = UpdateSettings.from_json(source.settings)
        numbers = {column.number for column in table.columns}
        mark = known.mark if known.mark in numbers - mapped else NEW
        if set(known.keys) <= mapped:
            return replace(known, columns=columns, mark=mark)
    keys = await _find_keys(context, report, table, {number: index for index, number in columns.items() if number > 0})
    return UpdateSettings(columns, keys=tuple(keys))


async def _find_keys(
    context: JobContext, report: InspectionReport, table: Table, mapped: Mapping[int, int]
) -> list[int]:
    """A column of the table that no two rows have the same text in, and the first rows of the file neither."""
    titles = [(field.number, field.title) for field in table.ref.fields if field.number in mapped]
    fields = {field.number: field for field in table.ref.fields}
    candidates = [number for number in likely_keys(titles) if _may_be_key(report, mapped[number])][:MAX_KEYS]

    def find(rows: RowReader) -> list[int]:
        for number in candidates:
            unmet = rows.unmet(table.ref, fields[number], ())
            if not unmet.empty and not unmet.repeated:
                return [number]
        return []

    try:
        return await context.rows.read(find, LOOKING_SECONDS)
    except QueryTimeout:
        return []


def _may_be_key(report: InspectionReport, index: int) -> bool:
    cells = [row[index] for row in report.sample]
    return not report.columns[index].empty and len(set(cells)) == len(cells)


def _is_sure(settings: UpdateSettings, matches: Sequence[Match]) -> bool:
    """Whether it can be compared without asking: nothing is changed by that, and the page with the result asks."""
    mapped = [match for match in matches if match.number > 0]
    has_keys = bool(settings.keys) or settings.mode != Mode.UPDATE
    return has_keys and 2 * len(mapped) >= len(matches)
