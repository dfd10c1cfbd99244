"""Compressed files: the one file inside is read, within limits."""

import bz2
import gzip
import io
import lzma
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest

from webapp.formats import archive, open_source, unpack
from webapp.formats.errors import ImportFileError
from webapp.imports.inspect_file import inspect_file

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

TABLE = b"id,tree\r\n1,oak\r\n2,elm\r\n"
NDJSON = b'{"id":"007","tree":"oak"}\n{"id":"8","tree":"elm"}\n'


def zipped(data: bytes, name: str = "trees.csv", **others: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as target:
        target.writestr(name, data)
        for other, text in others.items():
            target.writestr(other, text)
    return file.getvalue()


COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstd.compress,
    ".zip": zipped,
}


def saved(folder: Path, data: bytes, name: str) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def workbook() -> bytes:
    book, file = openpyxl.Workbook(), io.BytesIO()
    book.active.append(["id", "tree"])
    book.active.append([1, "oak"])
    book.active.append([2, "elm"])
    book.save(file)
    return file.getvalue()


def rows_of(path: Path, name: str | None = None) -> tuple[list[list[str]], list[str]]:
    report = inspect_file(path, name or path.name)
    return [list(row) for batch in open_source(path, report.options).batches() for row in batch.rows], [
        note.text for note in report.notes
    ]


@pytest.mark.parametrize("suffix", COMPRESSORS)
@pytest.mark.parametrize(
    ("data", "rows"),
    [(TABLE, [["1", "oak"], ["2", "elm"]]), (NDJSON, [["007", "oak"], ["8", "elm"]])],
    ids=["csv", "ndjson"],
)
def test_the_file_inside_a_compressed_file_is_read_and_named(
    tmp_path: Path, suffix: str, data: bytes, rows: list[list[str]]
) -> None:
    path = saved(tmp_path, COMPRESSORS[suffix](data), f"trees.csv{suffix}")
    read, notes = rows_of(path)
    assert read == rows
    assert notes == ["The file is compressed; “trees.csv” inside it was read."]
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", COMPRESSORS)
def test_a_workbook_inside_a_compressed_file_is_read(tmp_path: Path, suffix: str) -> None:
    path = saved(tmp_path, COMPRESSORS[suffix](workbook()), f"trees.xlsx{suffix}")
    assert rows_of(path)[0] == [["1", "oak"], ["2", "elm"]]


def test_a_compressed_file_in_a_zip_archive_is_read(tmp_path: Path) -> None:
    path = saved(tmp_path, zipped(gzip.compress(TABLE), "trees.csv.gz"), "download.zip")
    read, notes = rows_of(path)
    assert read == [["1", "oak"], ["2", "elm"]]
    assert notes == ["The file is compressed; “trees.csv” in “trees.csv.gz” inside it was read."]


@pytest.mark.parametrize("suffix", COMPRESSORS)
def test_progress_is_counted_in_bytes_of_the_compressed_file(suffix: str, tmp_path: Path) -> None:
    table = b"id,tree\n" + b"".join(b"%d,%s\n" % (row, b"oak" * 20) for row in range(9000))
    path = saved(tmp_path, COMPRESSORS[suffix](table), f"trees.csv{suffix}")
    seen: list[int] = []
    inspect_file(path, path.name, progress=lambda bytes_read, rows: seen.append(bytes_read))
    assert 0 < seen[0] < seen[-1]
    assert 0.99 * path.stat().st_size < seen[-1] <= path.stat().st_size


def test_a_gzip_file_says_what_it_holds(tmp_path: Path) -> None:
    file = io.BytesIO()
    with gzip.GzipFile("trees-2024.csv", "wb", fileobj=file) as target:
        target.write(TABLE)
    assert rows_of(saved(tmp_path, file.getvalue(), "upload"))[1] == [
        "The file is compressed; “trees-2024.csv” inside it was read."
    ]


def test_a_long_or_invisible_name_inside_a_compressed_file_is_shown_in_short(tmp_path: Path) -> None:
    path = saved(tmp_path, zipped(TABLE, "trees\u202e" + "x" * 5000), "a.zip")
    assert rows_of(path)[1] == [f"The file is compressed; “trees?{'x' * 53}…” inside it was read."]


def test_an_archive_of_very_many_files_is_refused_with_their_number(tmp_path: Path) -> None:
    path = saved(tmp_path, zipped(TABLE, **{str(number): b"" for number in range(10_000)}), "a.zip")
    with pytest.raises(ImportFileError, match=r"10,001 parts or files inside, and may have 10,000"):
        rows_of(path)


def test_what_systems_add_to_an_archive_does_not_count_as_files(tmp_path: Path) -> None:
    data = zipped(TABLE, "a/trees.csv", **{"__MACOSX/a/._trees.csv": b"x", "a/.DS_Store": b"x", "b/": b""})
    assert rows_of(saved(tmp_path, data, "a.zip"))[0] == [["1", "oak"], ["2", "elm"]]


def test_several_files_in_an_archive_are_listed(tmp_path: Path) -> None:
    path = saved(tmp_path, zipped(TABLE, **{f"{number}.csv": b"a\n1\n" for number in range(20)}), "a.zip")
    with pytest.raises(ImportFileError, match=r"holds 21 files: trees\.csv, 0\.csv, .* and 11 more\. Unpack it"):
        rows_of(path)


def test_an_archive_whose_name_says_text_is_not_opened(tmp_path: Path) -> None:
    with pytest.raises(ImportFileError, match=r"ZIP archive, though its name ends in \.csv"):
        rows_of(saved(tmp_path, zipped(TABLE), "trees.csv"))


def tarred() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as target:
        info = tarfile.TarInfo("trees.csv")
        info.size = len(TABLE)
        target.addfile(info, io.BytesIO(TABLE))
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (gzip.compress(TABLE * 100)[:-20], "gzip.*damaged or incomplete"),
        (bz2.compress(TABLE)[:-10], "bzip2.*damaged or incomplete"),
        (lzma.compress(TABLE)[:-20], "xz.*damaged or incomplete"),
        (zstd.compress(TABLE * 1000)[:-8], "zstd.*damaged or incomplete"),
        (b"\x1f\x8bjunk", "gzip.*damaged or incomplete"),
        (gzip.compress(b""), "nothing in it"),
        (tarred(), "tar archive"),
        (gzip.compress(gzip.compress(gzip.compress(TABLE))), "several times over"),
        (zipped(b"x", **{"word/document.xml": b"<w/>"}), "Word document"),
        (b"PK\x05\x06" + b"\0" * 18, "empty ZIP"),
    ],
    ids=range(10),
)
def test_what_cannot_be_opened_is_refused_by_name(tmp_path: Path, data: bytes, words: str) -> None:
    with pytest.raises(ImportFileError, match=words):
        rows_of(saved(tmp_path, data, "table"))
    assert [file.name for file in tmp_path.iterdir()] == ["table"]


@pytest.mark.parametrize("suffix", COMPRESSORS)
def test_a_file_that_unpacks_to_very_much_is_refused(tmp_path: Path, suffix: str) -> None:
    path = saved(tmp_path, COMPRESSORS[suffix](b"\0" * (40 * archive.MIB)), f"zeros.csv{suffix}")
    with pytest.raises(ImportFileError, match=r"would unpack|decompression"):
        rows_of(path)


def test_the_size_of_what_is_unpacked_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_INFLATED", 10)
    with pytest.raises(ImportFileError, match="would unpack"):
        unpack.plain_file(saved(tmp_path, gzip.compress(TABLE), "a.gz"), "a.gz")


def test_a_dictionary_of_gigabytes_is_refused(tmp_path: Path) -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 28, "preset": 0}]
    with pytest.raises(ImportFileError, match="xz"):
        rows_of(saved(tmp_path, lzma.compress(TABLE, filters=filters), "a.xz"))


def test_what_systems_store_beside_a_file_is_not_counted(tmp_path: Path) -> None:
    data = zipped(TABLE, "trees.csv", **{"._trees.csv": b"x", "__MACOSX/._trees.csv": b"x", "sub/.DS_Store": b"x"})
    assert inspect_file(saved(tmp_path, data, "trees.zip"), "trees.zip").rows == 2


@pytest.mark.parametrize(
    ("name", "words"), [("META-INF/container.xml", "electronic book"), ("Index.zip", "Numbers or Pages")]
)
def test_other_documents_in_archives_are_refused_by_name(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(ImportFileError, match=words):
        inspect_file(saved(tmp_path, zipped(b"x", name, other=b"y"), "a.zip"), "a.zip")
