"""JSON: whatever the arrangement of the objects, they become rows, and an export gives them back."""

import json
import tracemalloc
from contextlib import closing
from itertools import chain, repeat
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rowstore.backends import loaded_in_memory
from webapp.formats import json_columns, json_text, ndjson, open_source
from webapp.formats.errors import ImportFileError
from webapp.formats.json_columns import Survey
from webapp.formats.json_text import JsonReader
from webapp.imports.inspect_file import inspect_file
from webapp.imports.report import ImportOverrides, InspectionReport
from webapp.rowstore.query import TableQuery
from webapp.rowstore.table_ref import Field, TableRef

TREES = '{"id":1,"tree":"oak"}', '{"id":2,"tree":"elm"}'
PRETTY = '{\n  "id": 1,\n  "tree": "oak"\n}', '{\n  "id": 2,\n  "tree": "elm"\n}'


class Number(NamedTuple):
    text: str


def loads(text: str | bytes) -> Any:
    return json.loads(text, parse_int=Number, parse_float=Number)


def saved(folder: Path, data: str | bytes, name: str = "trees.json") -> Path:
    path = folder / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def rows_of(path: Path, report: InspectionReport) -> list[list[str]]:
    return [list(row) for batch in open_source(path, report.options).batches() for row in batch.rows]


def exported(path: Path, report: InspectionReport) -> list[Any]:
    """The objects of an NDJSON export of the import."""
    fields = [
        Field(number, column.title, column.type, column.format, column.keeps_texts)
        for number, column in enumerate(report.columns, 1)
    ]
    ref = TableRef(1, tuple(fields))
    with loaded_in_memory(fields, rows_of(path, report)) as reader:
        data = b"".join(reader.export(ref, TableQuery.of(ref.fields), "ndjson", safe=False))
    return [loads(line) for line in data.splitlines()]


def read(path: Path) -> tuple[list[str], list[list[str]]]:
    report = inspect_file(path, path.name)
    return [column.title for column in report.columns], rows_of(path, report)


@pytest.mark.parametrize("name", ["trees.json", "trees.ndjson", "trees.csv", "trees", "trees.txt"])
@pytest.mark.parametrize(
    "text",
    [
        "[" + ",".join(TREES) + "]",
        "[\n" + ",\n".join(TREES) + "\n]\n",
        "[\n" + ",\n".join(PRETTY) + "\n]\n",
        "\n".join(TREES),
        "\n".join(PRETTY),
        "".join(PRETTY),
        " ".join(TREES) + " ",
        ", ".join(PRETTY),
        "\x1e" + "\n\x1e".join(TREES) + "\n",
        "\ufeff[" + ",".join(TREES) + "]",
        "\r\n\r\n [ " + " , \r\n".join(TREES) + " ] \r\n",
        '[["id","tree"],[1,"oak"],[2,"elm"]]',
        '["id","tree"]\n[1,"oak"]\n[2,"elm"]\n',
    ],
    ids=range(13),
)
def test_objects_are_rows_in_any_arrangement_and_under_any_name(tmp_path: Path, text: str, name: str) -> None:
    path = saved(tmp_path, text, name)
    assert read(path) == (["id", "tree"], [["1", "oak"], ["2", "elm"]])


@pytest.mark.parametrize("codec", ["utf-16", "utf-8-sig"])
def test_an_array_in_another_encoding_is_read(tmp_path: Path, codec: str) -> None:
    text = '[{"id":1,"tree":"é"},{"id":2,"tree":"木"}]'
    assert read(saved(tmp_path, text.encode(codec))) == (["id", "tree"], [["1", "é"], ["2", "木"]])


def test_features_of_geojson_are_rows_with_their_properties_as_columns(tmp_path: Path) -> None:
    feature = '{"type":"Feature","id":%d,"geometry":{"type":"Point","coordinates":[9.10,48.0]},"properties":%s}'
    features = [feature % (1, '{"name":"oak","height":{"m":3}}'), feature % (2, '{"name":"elm","height":{"m":4}}')]
    text = '{{"type":"FeatureCollection","crs":null,"features":[{}]}}'.format(",".join(features))
    path = saved(tmp_path, text, "trees.geojson")
    point = '{"type":"Point","coordinates":[9.10,48.0]}'
    titles, rows = read(path)
    assert titles == ["id", "geometry", "name", "height.m"]
    assert rows == [["1", point, "oak", "3"], ["2", point, "elm", "4"]]
    assert [note.text for note in inspect_file(path, path.name).notes] == [
        "The rows are the 2 items of “features”.",
        "Beside them the file has “crs”, left out.",
    ]


def test_the_rows_may_be_the_items_of_a_member(tmp_path: Path) -> None:
    text = '{{"count": 2, "links": [{{"a": 1}}], "results": [{}, {}], "next": null}}'.format(*PRETTY)
    path = saved(tmp_path, text)
    assert read(path) == (["id", "tree"], [["1", "oak"], ["2", "elm"]])
    assert [note.text for note in inspect_file(path, path.name).notes] == [
        "The rows are the 2 items of “results”.",
        "Beside them the file has “count”, “links”, “next”, left out.",
    ]


@pytest.mark.parametrize("text", ['{"id": 1,\n "tags": ["a", "b"]}', '{"id":1,"tags":["a","b"]}'])
def test_a_single_object_is_a_row(tmp_path: Path, text: str) -> None:
    assert read(saved(tmp_path, text)) == (["id", "tags"], [["1", '["a","b"]']])


def test_members_of_nested_objects_are_columns(tmp_path: Path) -> None:
    objects = [
        {"id": 1, "at": {"city": "Köln", "geo": {"lat": 50.9}}, "by": {"name": "a"}},
        {"id": 2, "at": {"city": "Bonn", "zip": "053"}, "by": None},
        {"id": 3, "by": {"name": "b"}},
    ]
    path = saved(tmp_path, json.dumps(objects))
    report = inspect_file(path, path.name)
    assert [column.title for column in report.columns] == ["id", "at.city", "at.geo.lat", "at.zip", "by.name"]
    assert rows_of(path, report) == [
        ["1", "Köln", "50.9", "", "a"],
        ["2", "Bonn", "", "053", ""],
        ["3", "", "", "", "b"],
    ]
    assert exported(path, report) == loads(json.dumps(objects))


@pytest.mark.parametrize(
    "objects",
    [
        [{"o": {"a": 1}}, {"o": {}}],  # an empty object has no members to be columns
        [{"o": {"a": 1}}, {"o": 5}],
        [{"o": {"a": 1}}, {"o": None}, {"x": 1}],  # null and missing
        [{"o": {str(number): 1 for number in range(300)}}],  # a dictionary rather than a record
    ],
    ids=["empty", "mixed", "null and missing", "many keys"],
)
def test_other_nested_objects_stay_json(tmp_path: Path, objects: list[Any]) -> None:
    path = saved(tmp_path, json.dumps(objects))
    report = inspect_file(path, path.name)
    assert report.columns[0].title == "o"
    assert exported(path, report) == loads(json.dumps(objects))


def test_null_missing_and_empty_strings_are_three_things(tmp_path: Path) -> None:
    path = saved(tmp_path, '{"id":1,"s":null}\n{"id":2}\n{"id":3,"s":""}\n{"id":4,"s":"x"}\n', "a.ndjson")
    report = inspect_file(path, path.name)
    assert rows_of(path, report) == [["1", "null"], ["2", ""], ["3", '""'], ["4", "x"]]
    assert exported(path, report) == [loads(line) for line in path.read_text().splitlines()]


def test_strings_stay_strings_and_numbers_numbers(tmp_path: Path) -> None:
    text = '{"a":"10115","b":10115,"c":"7"}\n{"a":"20095","b":12345678901234567890,"c":7}\n{"a":"1","b":-0.0,"c":"x"}\n'
    path = saved(tmp_path, text, "a.ndjson")
    report = inspect_file(path, path.name)
    assert rows_of(path, report)[0] == ["10115", "10115", '"7"']
    assert exported(path, report) == [loads(line) for line in text.splitlines()]


def test_a_column_that_is_renamed_is_exported_by_its_new_name(tmp_path: Path) -> None:
    path = saved(tmp_path, '[{"a":{"b":1},"c":2},{"a":{"b":3},"c":4}]')
    report = inspect_file(path, path.name, ImportOverrides(columns={0: {"title": "height"}}))
    assert exported(path, report) == loads('[{"height":1,"c":2},{"height":3,"c":4}]')


def test_a_column_of_a_chosen_type_is_exported_where_it_was(tmp_path: Path) -> None:
    text = '[{"a":{"b":1},"c":"2"},{"a":{"b":3},"c":"4"}]'
    path = saved(tmp_path, text)
    overrides = ImportOverrides(columns={0: {"type": "text"}, 1: {"type": "decimal"}})
    read_again, corrected = inspect_file(path, path.name, overrides), inspect_file(path, path.name)
    for report in (read_again, corrected.with_overrides(ImportOverrides(columns={0: {"type": "text"}}))):
        assert report is not None
        assert report.columns[0].type == "text"
        assert exported(path, report) == loads(text)


def test_a_column_without_room_for_its_texts_is_exported_where_it_was(tmp_path: Path) -> None:
    text = '[{"a":{"b":1.50}},{"a":{"b":2e3}},{"a":{"b":0.25}}]'
    path = saved(tmp_path, text)
    assert inspect_file(path, path.name).columns[0].keeps_texts
    report = inspect_file(path, path.name, max_columns=1)
    assert report.columns[0].type == "text"
    assert exported(path, report) == loads(text)


JSON_TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=5) | st.sampled_from(
    [
        "",
        "null",
        "true",
        "5",
        " 5",
        "5 ",
        '"',
        '"x"',
        "[]",
        "{}",
        "[",
        "NaN",
        "-1.50",
        "1e3",
        "\0",
        "5\0",
        "\ufeff5",
        "nul",
    ]
)
JSON_NUMBERS = st.sampled_from(["0", "-0", "1.0", "2.50", "1e3", "1E-7", "12345678901234567890", "0.1"]).map(
    lambda text: json.loads(text, parse_int=float, parse_float=float)
) | st.integers(-(10**25), 10**25)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | JSON_NUMBERS | JSON_TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(JSON_TEXTS, inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.lists(
    st.dictionaries(st.sampled_from(["a", "b", "c.d", "", " e ", "A"]), JSON_VALUES, min_size=1), min_size=1, max_size=8
)


@settings(deadline=None)  # each example is a file and a database
@given(OBJECTS, st.booleans())
def test_an_export_gives_back_the_objects_of_a_file(objects: list[Any], is_array: bool) -> None:
    with TemporaryDirectory() as directory:
        text = json.dumps(objects) if is_array else "".join(json.dumps(one) + "\n" for one in objects)
        path = saved(Path(directory), text, "a.json" if is_array else "a.ndjson")
        report = inspect_file(path, path.name)
        assert not report.rejected
        assert exported(path, report) == loads(json.dumps(objects))


def test_items_that_are_no_objects_are_set_aside_with_their_line(tmp_path: Path) -> None:
    path = saved(tmp_path, '[{"a":1},\n5,\n{"a":1,"a":2},\n{"a":"\\ud83d"},\n{"a":3}]')
    report = inspect_file(path, path.name)
    assert report.rows == 2
    assert [reject.reason for reject in report.rejected] == [
        "Line 2 is JSON but not an object with keys.",
        "Line 3 has the same key twice in an object.",
        "Line 4 holds half a character (a lone surrogate).",
    ]


@pytest.mark.parametrize("length", [10, json_text.BLOCK])
def test_equal_keys_of_an_inner_object_cost_one_row_however_long_the_outer_one_is(tmp_path: Path, length: int) -> None:
    path = saved(tmp_path, '[{"a":1},\n{"a":{"b":1,"b":2},"c":"%s"},\n{"a":3}]' % ("x" * length))
    report = inspect_file(path, path.name)
    assert (report.rows, [reject.line for reject in report.rejected]) == (2, [2])


def test_columns_that_stand_one_after_another_are_counted_as_they_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ndjson, "_MAX_PARALLEL", 3)
    reader = JsonReader(saved(tmp_path, '{"id":[1,2,3,4,and so on'), "utf-8")
    with closing(reader), pytest.raises(ImportFileError, match="more than 3 values"):
        next(ndjson._parallel(reader))


def test_the_keys_of_a_dictionary_are_not_remembered() -> None:
    survey = Survey()
    survey.add({"counts": {str(number): number for number in range(json_columns.MAX_MEMBERS + 1)}, "at": {"x": 1}})
    assert not survey.root.members["counts"].members
    assert [column.title for column in survey.columns()] == ["counts", "at.x"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[{"a":1},\n{"a":2},\n', "ends in the middle, at line 3"),
        ('[{"a":1},\n{"a":2', "ends in the middle, at line 2"),
        ('[{"a":1},\n{"a":"x', "ends in the middle, at line 2"),
        ('[{"a":1},\n{"a":2}\n{"a":3}]', "not valid at line 3: there is “{” after an item"),
        ('[{"a":1},\n{"a":}]', "not valid at line 2: a value is missing"),
        ('[\n{"a":1},\n{"a" 2}]', "not valid at line 3: a colon is missing"),
        ('[{"a":1},\n]', "not valid at line 2"),
        ('[{"a":1}]\n5', "JSON"),
        ('{\n"a": 1,\n"b": tru\n}', "not valid at line 3"),
        ("[1,2,3]", "JSON array holds no objects"),
        ("[{}]", "no columns"),
    ],
    ids=range(11),
)
def test_json_that_is_not_valid_is_refused_with_the_line(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ImportFileError, match=words):
        inspect_file(saved(tmp_path, text), "trees.json")


@pytest.mark.parametrize(
    "text",
    [
        "[id],[name]\n1,oak\n",
        "[1],[2]\n[3],[4]\n",
        "{id},{name}\n1,oak\n",
        '{"x"},name\n1,2\n',
        '["a"],b\n1,2\n',
    ],
)
def test_cells_in_brackets_are_no_json(tmp_path: Path, text: str) -> None:
    assert inspect_file(saved(tmp_path, text, "a.csv"), "a.csv").format == "csv"


@pytest.mark.parametrize(
    "text",
    [
        "[" * 1_000_000,
        '[{"a":' * 1_000_000,
        '{"a":' * 1_000_000,
        '[{"a":1},{"a":' + "[" * 1_000_000 + "]" * 1_000_000 + "}]",
    ],
    ids=["arrays", "both", "objects", "inside"],
)
def test_a_million_levels_are_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ImportFileError, match=r"nested too deeply|not valid|ends in the middle"):
        inspect_file(saved(tmp_path, text), "a.json")


def test_a_line_of_a_million_levels_is_set_aside(tmp_path: Path) -> None:
    text = '{"a":1}\n{"a":' + "[" * 1_000_000 + "]" * 1_000_000 + "}\n" + '{"a":2}\n'
    report = inspect_file(saved(tmp_path, text, "a.ndjson"), "a.ndjson")
    assert (report.rows, report.rejected[0].reason) == (2, "Line 2 is nested too deeply.")


def test_levels_that_the_database_would_not_take_are_set_aside(tmp_path: Path) -> None:
    text = '{"a":1}\n{"a":' + "[" * 700 + "]" * 700 + "}\n"
    report = inspect_file(saved(tmp_path, text, "a.ndjson"), "a.ndjson")
    assert (report.rows, report.rejected[0].reason) == (1, "Line 2 is nested too deeply.")


def test_a_number_of_a_million_digits_is_kept(tmp_path: Path) -> None:
    path = saved(tmp_path, '[{"a":%s},{"a":1}]' % ("9" * 1_000_000))
    report = inspect_file(path, path.name)
    assert rows_of(path, report)[0] == ["9" * 1_000_000]
    assert exported(path, report)[0] == {"a": Number("9" * 1_000_000)}


def test_memory_is_bounded_by_the_largest_item(tmp_path: Path) -> None:
    path = tmp_path / "large.json"
    item = '{"id":1234567,"name":"%s"}' % ("x" * 1000)
    with path.open("w") as file:
        file.writelines(chain(["[", item], repeat("," + item, 40_000), ["]"]))
    tracemalloc.start()
    try:
        report = inspect_file(path, path.name)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert report.rows == 40_001
    assert peak < 30_000_000 < path.stat().st_size


def test_an_item_of_more_than_a_row_can_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImportFileError, match="more than 16 million characters"):
        inspect_file(saved(tmp_path, '[{"a":1},{"a":"' + "x" * 40_000_000 + '"}]'), "a.json")


@pytest.mark.parametrize(
    "text",
    [
        '{"response":{"docs":[ROWS],"found":2}}',
        '{"ok":true,"result":{"fields":[{"id":"id"},{"id":"tree"},{"id":"x"}],"records":[ROWS]}}',
        '{"d":{"results":[ROWS]}}',
        '[{"page":1,"total":2},[ROWS]]',
        '{"id":[1,2],"tree":["oak","elm"]}',
        '{"id":{"0":1,"1":2},"tree":{"0":"oak","1":"elm"}}',
        '{"columns":["id","tree"],"index":[0,1],"data":[[1,"oak"],[2,"elm"]]}',
        '{"columns":[{"name":"id"},{"name":"tree"}],"rows":[[1,"oak"],[2,"elm"]]}',
        '{"meta":{"view":{"columns":[{"name":"id"},{"name":"tree"}]}},"data":[["1","oak"],["2","elm"]]}',
        ",\n".join(TREES) + "\n",
    ],
    ids=range(10),
)
def test_rows_are_found_in_the_objects_that_services_wrap_them_in(tmp_path: Path, text: str) -> None:
    path = saved(tmp_path, text.replace("ROWS", ",".join(TREES)))
    assert read(path) == (["id", "tree"], [["1", "oak"], ["2", "elm"]])
    report = inspect_file(path, path.name)
    assert [set(found) for found in exported(path, report)] == [{"id", "tree"}] * 2


@pytest.mark.parametrize("text", ['{"b":{"n":1,"tree":"oak"},"a":{"n":2,"tree":null},"c":{"n":3}}'])
def test_members_of_an_object_that_are_alike_are_rows_with_their_keys(tmp_path: Path, text: str) -> None:
    path = saved(tmp_path, text)
    assert read(path) == (["key", "n", "tree"], [["b", "1", "oak"], ["a", "2", "null"], ["c", "3", ""]])
    report = inspect_file(path, path.name)
    assert exported(path, report) == loads(
        '[{"key":"b","n":1,"tree":"oak"},{"key":"a","n":2,"tree":null},{"key":"c","n":3}]'
    )
    assert read(saved(tmp_path, text.replace('"n"', '"key"')))[0] == ["key 2", "key", "tree"]


@pytest.mark.parametrize(
    "text",
    [
        '{"name":"x","server":{"host":"a"},"client":{"host":"b"}}',
        '{"server":{"host":"a","port":1},"colours":{"red":1,"blue":2}}',
        '{"_id":{"$oid":"5"},"n":{"$numberLong":"3"}}',
        '{"id":1,"tags":["a","b"],"more":["c","d"]}',
        '{"x":[1,2],"y":[3]}',
        '{"type":"Feature","properties":{"a":1},"geometry":{"type":"Point","coordinates":[1,2]}}',
    ],
)
def test_an_object_with_different_members_is_one_row(tmp_path: Path, text: str) -> None:
    path = saved(tmp_path, text)
    report = inspect_file(path, path.name)
    assert (report.rows, exported(path, report)) == (1, loads(f"[{text}]"))


def test_a_usual_wrapper_is_opened_for_one_row_and_refused_without_any(tmp_path: Path) -> None:
    assert read(saved(tmp_path, '{"data":[' + TREES[0] + '],"total":1}')) == (["id", "tree"], [["1", "oak"]])
    with pytest.raises(ImportFileError, match="“data” of this JSON file is empty"):
        inspect_file(saved(tmp_path, '{"data":[],"total":0}'), "a.json")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('// trees\n[{"a":1},{"a":2}]', "comments.*Delete"),
        ('{\n  // the rows\n  "rows": [{"a":1},{"a":2}]\n}', "comments.*Delete"),
        ('[{"a":1}, /* x */ {"a":2}]', "comment.*delete"),
        ('[{"a":1},{"a":2},]', "followed by no item: delete"),
        ('[{"a":1,},{"a":2}]', "followed by no member: delete"),
        ("[{'a': 1}, {'a': None}]", "double quotes"),
        ("[{a: 1}, {a: 2}]", "double quotes"),
        ('[{"a": 1}, {"a": None}]', "“None” stands without quotes"),
        ('callback([{"a":1}]);', "JSONP"),
        ('var data = [{"a":1}];', "script"),
        (')]}\'\n[{"a":1}]', "Delete that line"),
        ('[{"a":"x\ty"},{"a":"y"}]', r"\\t"),
        ("42", "single value"),
        ("[]", "array is empty"),
    ],
    ids=range(14),
)
def test_what_is_nearly_json_is_refused_with_what_to_do(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ImportFileError, match=words):
        inspect_file(saved(tmp_path, text), "a.json")
