"""Files that are no tables, recognised by their first bytes: each is refused by its name, with what to do.

A file of an unknown format that is not text is refused as well: read as a table, it would be one of odd characters.
"""

import re

from webapp.formats.errors import ImportFileError

_SAVE = "Save the table as CSV or Excel (.xlsx) and upload that."
_COPY = f"Copy its table into a spreadsheet. {_SAVE}"
_EXPORT = "Export its table as CSV first."
_UNPACK = "Unpack it and upload the table itself."
_CONVERT = "Convert it to CSV first."
_NO_TABLE = "It holds no table."
_UNFIT_SPREADSHEET = f"Open it in a spreadsheet program. {_SAVE}"
# By the first bytes, or those at another position: what it is, and what to do.
_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"AT&TFORM", f"a DjVu document. {_COPY}"),
    (0, b"ITSF", f"a Windows help file (CHM). {_COPY}"),
    (0, b"!BDN", f"an Outlook data file (PST). {_EXPORT}"),
    (0, b"PK\x05\x06", "an empty ZIP archive."),
    (0, b"PK\x07\x08", f"one part of a ZIP archive in several. {_UNPACK}"),
    (0, b"7z\xbc\xaf\x27\x1c", f"a 7z archive. {_UNPACK}"),
    (0, b"Rar!\x1a\x07", f"a RAR archive. {_UNPACK}"),
    (0, b"MSCF", f"a cabinet archive. {_UNPACK}"),
    (0, b"xar!", f"a xar archive. {_UNPACK}"),
    (0, b"\xed\xab\xee\xdb", f"a package (RPM). {_NO_TABLE}"),
    (257, b"ustar", f"a tar archive. {_UNPACK}"),
    (0, b"\x04\x22\x4d\x18", f"a compressed file (lz4). {_UNPACK}"),
    (0, b"\x1f\x9d", f"a compressed file (.Z). {_UNPACK}"),
    (0, b"LZIP", f"a compressed file (lzip). {_UNPACK}"),
    (0, b"\x89LZO\0", f"a compressed file (lzop). {_UNPACK}"),
    (0, b"\xff\x06\0\0sNaPpY", f"a compressed file (Snappy). {_UNPACK}"),
    (0, b"SQLite format 3\0", f"a SQLite database. {_EXPORT}"),
    (8, b"DUCK", f"a DuckDB database. {_EXPORT}"),
    (0, b"\0\1\0\0Standard ", f"an Access database. {_EXPORT}"),
    (0, b"PGDMP", f"a dump of a PostgreSQL database. {_EXPORT}"),
    (0, b"PAR1", f"a Parquet file. {_CONVERT}"),
    (0, b"PARE", "an encrypted Parquet file. Decrypt it and convert it to CSV first."),
    (0, b"ARROW1", f"an Arrow or Feather file. {_CONVERT}"),
    (0, b"FEA1", f"a Feather file. {_CONVERT}"),
    (0, b"\xff\xff\xff\xff", f"an Arrow stream or another binary file. {_CONVERT}"),
    (0, b"ORC", f"an ORC file. {_CONVERT}"),
    (0, b"Obj\x01", f"an Avro file. {_CONVERT}"),
    (0, b"SEQ\x06", f"a Hadoop sequence file. {_CONVERT}"),
    (0, b"\x89HDF\r\n", f"an HDF5 file. {_EXPORT}"),
    (0, b"CDF\x01", f"a NetCDF file. {_EXPORT}"),
    (0, b"CDF\x02", f"a NetCDF file. {_EXPORT}"),
    (0, b"CDF\x05", f"a NetCDF file. {_EXPORT}"),
    (0, b"GRIB", f"a file of weather data (GRIB). {_EXPORT}"),
    (0, b"\0\0\x27\x0a", "the geometry of a shapefile. Convert the shapefile to GeoJSON or CSV first."),
    (0, b"RDX", f"an R data file. {_EXPORT}"),
    (0, b"RDA", f"an R data file. {_EXPORT}"),
    (0, b"X\n\0\0\0", f"an R data file (.rds). {_EXPORT}"),
    (0, b"$FL", f"an SPSS data file (.sav). {_EXPORT}"),
    (12, b"\xc2\xea\x81\x60", f"a SAS data file (.sas7bdat). {_EXPORT}"),
    (0, b"\x93NUMPY", f"a NumPy array (.npy). {_EXPORT}"),
    (0, b"bplist00", f"a property list of Apple's. {_EXPORT}"),
    (0, b"\x89PNG", f"a picture (PNG). {_SAVE}"),
    (0, b"\xff\xd8\xff", f"a picture (JPEG). {_SAVE}"),
    (0, b"\0\0\0\x0cjP  ", f"a picture (JPEG 2000). {_SAVE}"),
    (0, b"II*\0", f"a picture (TIFF). {_SAVE}"),
    (0, b"MM\0*", f"a picture (TIFF). {_SAVE}"),
    (0, b"8BPS", f"a picture (Photoshop). {_SAVE}"),
    (8, b"WEBP", f"a picture (WebP). {_SAVE}"),
    (8, b"WAVE", f"a sound recording. {_NO_TABLE}"),
    (8, b"AVI ", f"a video. {_NO_TABLE}"),
    (0, b"\x1a\x45\xdf\xa3", f"a video. {_NO_TABLE}"),
    (0, b"OggS", f"a sound recording or a video. {_NO_TABLE}"),
    (0, b"fLaC", f"a sound recording. {_NO_TABLE}"),
    (0, b"ID3\x03", f"a sound recording (MP3). {_NO_TABLE}"),
    (0, b"ID3\x04", f"a sound recording (MP3). {_NO_TABLE}"),
    (4, b"ftyp", f"a video or a picture (MP4, HEIC). {_SAVE}"),
    (0, b"\0\1\0\0\0", f"a font. {_NO_TABLE}"),
    (0, b"OTTO", f"a font. {_NO_TABLE}"),
    (0, b"wOF", f"a font. {_NO_TABLE}"),
    (0, b"\x7fELF", f"a program. {_NO_TABLE}"),
    (0, b"\xcf\xfa\xed\xfe", f"a program. {_NO_TABLE}"),
    (0, b"\xce\xfa\xed\xfe", f"a program. {_NO_TABLE}"),
    (0, b"\xca\xfe\xba\xbe", f"a program. {_NO_TABLE}"),
    (0, b"\0asm", f"a program. {_NO_TABLE}"),
    (0, b"\0\x05\x16\x07", "what macOS stores beside a file (AppleDouble), not the file itself. Upload the file."),
    (0, b"Salted__", "an encrypted file (OpenSSL). Decrypt it and upload the table itself."),
    (0, b"\0\0\x02\0\x06\x04", f"a Lotus 1-2-3 workbook. {_UNFIT_SPREADSHEET}"),
    (0, b"\0\0\x02\0\x04\x04", f"a Lotus 1-2-3 workbook. {_UNFIT_SPREADSHEET}"),
    (0, b"\0\0\x1a\0", f"a Lotus 1-2-3 workbook. {_UNFIT_SPREADSHEET}"),
    (0, b"\0\0\x02\0\x01\x10", f"a Quattro Pro workbook. {_UNFIT_SPREADSHEET}"),
    (0, b"\x09\0\x04\0", f"an Excel 2 worksheet. {_UNFIT_SPREADSHEET}"),
    (0, b"\x09\x02\x06\0", f"an Excel 3 worksheet. {_UNFIT_SPREADSHEET}"),
    (0, b"\x09\x04\x06\0", f"an Excel 4 worksheet. {_UNFIT_SPREADSHEET}"),
    (0, b"\x09\x08\x08\0", f"an Excel 5 worksheet without its container. {_UNFIT_SPREADSHEET}"),
    (0, b"\x09\x08\x10\0", f"an Excel worksheet without its container. {_UNFIT_SPREADSHEET}"),
    (0, b"\xff\x57\x50\x43", f"a WordPerfect document. {_COPY}"),
)
# The same for formats that are text at first.
_TEXT_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"GIF87a", f"a picture (GIF). {_SAVE}"),
    (b"GIF89a", f"a picture (GIF). {_SAVE}"),
    (b"{\\rtf", f"a Rich Text document (RTF). {_COPY}"),
    (b"%!PS", f"a PostScript document. {_COPY}"),
    (b"!<arch>\n", f"a package or an archive (ar). {_UNPACK}"),
    (b"SIMPLE  =", f"a FITS file. {_EXPORT}"),
    (b"<stata_dta>", f"a Stata data file (.dta). {_EXPORT}"),
    (b"HEADER RECORD*******LIB", f"a SAS transport file (.xpt). {_EXPORT}"),
    (b"MATLAB ", f"a MATLAB file (.mat). {_EXPORT}"),
    (b"-----BEGIN PGP", "an encrypted message (PGP). Decrypt it and upload the table itself."),
    (b"age-encryption.org/", "an encrypted file (age). Decrypt it and upload the table itself."),
    (b"version https://git-lfs.github.com/spec", "a Git LFS pointer, not the file itself. Download the file."),
    (b"TABLE\r\n0,1\r\n", f"a spreadsheet in the format DIF. {_UNFIT_SPREADSHEET}"),
    (b"TABLE\n0,1\n", f"a spreadsheet in the format DIF. {_UNFIT_SPREADSHEET}"),
)
# By what the beginning looks like; in texts regardless of case.
_PATTERNS: tuple[tuple[re.Pattern[bytes], str], ...] = tuple(
    (re.compile(pattern, re.DOTALL), what)
    for pattern, what in (
        (rb"(?:\xef\xbb\xbf)?[\s\0]{0,1024}%PDF-\d", f"a PDF document. {_COPY}"),
        (rb"\x00\x00\x01\x00[\x01-\x10]\x00|BM.{4}\x00{4}", f"a picture. {_SAVE}"),
        (rb"MZ[^\r\n,;\t]{0,62}\0", f"a Windows program. {_NO_TABLE}"),
        (
            rb"ID;P[^\r\n]*\r?\n(?:[BCFOP];[A-Z][^\r\n]*\r?\n){2}",
            f"a spreadsheet in the format SYLK. {_UNFIT_SPREADSHEET}",
        ),
        (rb"\x80[\x02-\x05][\x95}\](ccX]", f"a Python pickle. {_EXPORT}"),
        (rb"\x5d\0\0.{2}(?:\xff{8}|.{4}\0{4})", f"a compressed file (LZMA). {_UNPACK}"),
        (rb"[\x69\x6c\x6e-\x73][\x01\x02]\x01\0", f"a Stata data file (.dta). {_EXPORT}"),
        (  # the date of the last change, and a header of 32 bytes a field (and 32 or 296 more)
            rb"[\x02\x03\x04\x05\x30-\x32\x43\x63\x83\x8b\x8e\xcb\xf5\xfb].[\x01-\x0c][\x01-\x1f].{3}\0.{20,24}"
            rb"[A-Za-z_][A-Za-z0-9_]{0,10}\0{1,11}[A-Z@+0]",
            f"a dBASE table (.dbf). {_UNFIT_SPREADSHEET}",
        ),
        (
            rb"(?i)(?=[\w-]+:[ \t])(?=.{0,2000}?\bmime-version:)"
            rb".{0,4000}?content-type:\s*multipart/related",
            f"a web archive (MHTML). Open it in a browser or in Excel. {_SAVE}",
        ),
        (
            rb"(?i)(?:From [^\r\n]+\d{4}\r?\n)?(?:return-path|received|delivered-to|message-id|from|to|subject|date"
            rb"|mime-version|x-[\w-]+):[ \t][^\r\n]*\r?\n(?:[ \t][^\r\n]*\r?\n|[\w-]+:[^\r\n]*\r?\n)*?"
            rb"(?:message-id|mime-version):[ \t]",
            "an e-mail message. Save the file attached to it and upload that.",
        ),
        (rb"(?i)begin:vcard\b", f"an address book (vCard). {_EXPORT}"),
        (rb"(?i)begin:vcalendar\b", f"a calendar (iCalendar). {_EXPORT}"),
        (
            rb"(?i)(?:\s|--[^\n]*\n|/\*.*?\*/;?|(?:set|use|pragma|begin|start)\s[^;\n]*;)*"
            rb"(?:create\s+(?:table|database|schema)\s|insert\s+into\s|drop\s+table\s)",
            "a script of SQL, not a table. Run it in a database and export the table as CSV.",
        ),
        (rb"(?i)(?:%[^\n]*\n|\s)*@relation\s", f"a data file of Weka's (ARFF). {_EXPORT}"),
    )
)
_TEXT_CONTROLS = b"\t\n\v\f\r\x1a\x1b\x1c\x1d\x1e\x1f\x01\x02\x03"  # white space, delimiters of Hive
_CONTROLS = bytes(code for code in (*range(32), 127) if code not in _TEXT_CONTROLS)
_PRINTABLE = bytes((*b"\t\r\n", *range(32, 127)))
_BINARY = 64  # bytes of a binary file, of which some are not printable: “ORC,PARENT” may be titles
_MIN_CONTROLS = 8  # bytes
_MAX_SHARE = 0.02  # of a text


def ensure_table(head: bytes) -> None:
    """Raises ImportFileError if a file that begins like this is in a format that is none of a table."""
    what = None
    if head[:_BINARY].translate(None, _PRINTABLE):
        what = next((what for position, magic, what in _MAGIC if head.startswith(magic, position)), None)
    what = what or next((what for magic, what in _TEXT_MAGIC if head.startswith(magic)), None)
    what = what or next((what for pattern, what in _PATTERNS if pattern.match(head)), None)
    if what:
        raise ImportFileError(f"This is {what} A table comes as CSV, TSV, Excel, OpenDocument, HTML or JSON.")


def ensure_text(head: bytes) -> None:
    """Raises ImportFileError if these are no bytes of a text whose control characters are single bytes.

    One kind of control character alone may be a delimiter, or fill up what a system has written after a failure.
    """
    controls = len(head) - len(head.translate(None, _CONTROLS))
    kinds = len(set(head) & set(_CONTROLS))
    if controls >= _MIN_CONTROLS and kinds > 1 and controls > len(head) * _MAX_SHARE:
        raise ImportFileError(
            "This is a binary file: most of it is not text, and its format is none that is known here. A table comes as"
            " CSV, TSV, Excel, OpenDocument, HTML or JSON. Open it in the program it is from, and save the table as one"
            " of these."
        )
