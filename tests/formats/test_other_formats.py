"""Files that are no tables are refused by name; texts that begin like them are read."""

from pathlib import Path

import pytest

from webapp.formats.errors import ImportFileError
from webapp.imports.inspect_file import inspect_file

MAIL = b"Received: from a by b\r\n\tfor c\r\nSubject: x\r\nMIME-Version: 1.0\r\n"
DBASE = b"\x03\x7c\x01\x0a\2\0\0\0\x41\0\x0a\0" + b"\0" * 20 + b"NAME\0\0\0\0\0\0\0C" + b"\0" * 20 + b"\r abc"


def saved(folder: Path, data: bytes, name: str = "trees.csv") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"\r\n %PDF-1.7\n1 0 obj\n", "PDF"),
        (b"MZ\x90\0\3\0\0\0\4\0\0\0\xff\xff\0\0" + b"\0" * 100, "Windows program"),
        (b"\xcf\xfa\xed\xfe\7\0\0\1" + b"\0" * 100, "program"),
        (DBASE, "dBASE"),
        (b"\0" * 12 + b"\xc2\xea\x81\x60" + b"\0" * 100, "SAS"),
        (b"HEADER RECORD*******LIBRARY HEADER RECORD!!!!!!!0000", "SAS transport"),
        (b"\x72\2\1\0" + b"\0" * 100, "Stata"),
        (b"X\n\0\0\0\3\0\4\1\2\0\3\5\0", "R data"),
        (b"\x93NUMPY\1\0v\0{'descr': '<f8'}", "NumPy"),
        (b"\x80\2}q\0(X\1\0\0\0", "pickle"),
        (b"ORC\n\x08\x03\x10\x90\x01", "ORC"),
        (b"\x1f\x9d\x90ab", ".Z"),
        (b"\x5d\0\0\x80\0" + b"\xff" * 8 + b"\0\x34", "LZMA"),
        (b"ID;PWXL;N;E\r\nP;PGeneral\r\nB;Y2;X2\r\nC;Y1;X1;K1\r\nE\r\n", "SYLK"),
        (b'TABLE\r\n0,1\r\n"EXCEL"\r\n', "DIF"),
        (b"\x09\4\6\0\0\0\x10\0\0\0" + b"\0" * 40, "Excel 4"),
        (b"\0\0\2\0\6\4\6\0\x08\0" + b"\0" * 40, "Lotus"),
        (MAIL + b"Content-Type: text/plain\r\n\r\nHello, you\r\n", "e-mail"),
        (MAIL + b'Content-Type: multipart/related; type="text/html"\r\n\r\n<table>', "web archive"),
        (b"BEGIN:VCARD\r\nVERSION:3.0\r\n", "vCard"),
        (b"-- dump\nSET NAMES utf8;\nCREATE TABLE trees (id int);\n", "SQL"),
        (b"% trees\n@RELATION trees\n@ATTRIBUTE id NUMERIC\n", "ARFF"),
    ],
)
def test_a_file_that_is_no_table_is_refused_by_name(tmp_path: Path, data: bytes, name: str) -> None:
    with pytest.raises(ImportFileError, match=name) as refusal:
        inspect_file(saved(tmp_path, data), "trees.csv")
    assert "A table comes as CSV" in str(refusal.value)


def test_a_binary_file_of_an_unknown_format_is_refused(tmp_path: Path) -> None:
    data = bytes(value * 73 % 251 for value in range(3000))
    with pytest.raises(ImportFileError, match=r"binary file.*save the table as"):
        inspect_file(saved(tmp_path, data), "trees.csv")


@pytest.mark.parametrize(
    "data",
    [
        b"ID;PLZ;Ort\n1;10115;Berlin\n2;20095;Hamburg\n",
        b"PARENT,CHILD\nx,1\ny,2\n",
        b"ORC,RDA\nx,1\ny,2\n",
        b"station,WAVE\nx,1\ny,2\n",
        b"Date: 2024,n\nx,1\ny,2\n",
        b"a\x01b\nx\x011\ny\x012\n",
        b"a,b\nx,1\ny,2\n" + b"\0" * 200,
        "a,b\nchêne,1\nhêtre,2\n".encode("utf-16-le"),
    ],
    ids=["SYLK", "Parquet", "ORC", "wave", "mail", "control character", "zeros at the end", "UTF-16"],
)
def test_a_table_that_begins_like_another_format_is_read(tmp_path: Path, data: bytes) -> None:
    report = inspect_file(saved(tmp_path, data), "trees.csv")
    assert report.rows >= 2
    assert len(report.columns) == (3 if data.startswith(b"ID") else 2)
