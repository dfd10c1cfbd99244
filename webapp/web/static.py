"""Static files: cached by browsers for good under a path that changes with them, compressed once, served from memory.

The path contains one fingerprint of the whole folder (`/static/3f2a9c1b5d7e/css/app.css`), so relative URLs inside
style sheets and scripts stay correct. Without it, or with an old one, the file is revalidated on each use. What a style
sheet imports into a layer is sent as part of it: a browser that must read one sheet to learn of the next paints later.
"""

import asyncio
import gzip
import hashlib
import mimetypes
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import brotli
from quart import Quart, Response, request
from werkzeug.exceptions import NotFound

from settings import Settings
from webapp.extensions import Extension, config
from webapp.web.access import public
from webapp.web.byte_ranges import send_bytes
from webapp.web.rate_limit.requests import unlimited

FOLDER = Path(__file__).parents[2] / "static"
URL = "/static"
IMMUTABLE = "public, max-age=31536000, immutable"
REVALIDATED = "public, no-cache"
FINGERPRINT = re.compile(r"[0-9a-f]{12}")
MAX_FINGERPRINT_AGE = 0.5  # seconds, in development: a page requests dozens of files
# Fonts and pictures are compressed already.
COMPRESSIBLE = {"text/css", "text/javascript", "image/svg+xml", "text/html", "text/plain", "application/json"}
IMPORT = re.compile(rb'@import url\("([^"]+)"\) layer\(([\w-]+)\);')
TYPES = {".js": "text/javascript", ".svg": "image/svg+xml", ".webmanifest": "application/json"}


@dataclass(frozen=True)
class StaticFile:
    """One file and its encodings ("" is the file as it is), and when each file that it is made of last changed."""

    mimetype: str
    tag: str
    bodies: dict[str, bytes]
    sources: dict[Path, int]

    @property
    def is_current(self) -> bool:
        return self.sources == _change_times(self.sources)


class StaticFiles:
    """The files of one folder. Files outside it and hidden files are never found."""

    def __init__(self, folder: Path, *, is_changing: bool = False) -> None:
        self.folder = folder.resolve()
        self.is_changing = is_changing
        self._fingerprint = ""
        self._computed = 0.0
        self._files: dict[Path, StaticFile] = {}
        self._reading = asyncio.Lock()

    @property
    def fingerprint(self) -> str:
        if not self._fingerprint or (self.is_changing and monotonic() > self._computed + MAX_FINGERPRINT_AGE):
            self._fingerprint, self._computed = self._compute(), monotonic()
        return self._fingerprint

    def url(self, path: str) -> str:
        """The URL to write into a page. The file's existence is not checked: no page should fail for a picture."""
        return f"{URL}/{self.fingerprint}/{path}"

    async def load(self, path: str) -> StaticFile | None:
        """Each file is compressed and kept once, however many ask for it at once and however they spell its path."""
        if (file := self._find(path)) is None:
            return None
        async with self._reading:
            if (known := self._files.get(file)) is None or not known.is_current:
                self._files[file] = await asyncio.to_thread(_read, file)
            return self._files[file]

    def _find(self, path: str) -> Path | None:
        if "\0" in path:
            return None
        file = (self.folder / path).resolve()
        is_hidden = any(part.startswith(".") for part in Path(path).parts)
        try:
            return file if file.is_relative_to(self.folder) and not is_hidden and file.is_file() else None
        except OSError:  # the name is too long for a file
            return None

    def _compute(self) -> str:
        digest = hashlib.sha256()
        for path in sorted(self.folder.rglob("*")):
            if path.is_file():
                digest.update(f"{path.relative_to(self.folder)}\0{path.stat().st_size}\0".encode())
                digest.update(path.read_bytes())
        return digest.hexdigest()[:12]


static_files = Extension("static", lambda app: StaticFiles(FOLDER, is_changing=config.of(app).is_development))


def init_app(app: Quart, settings: Settings) -> None:
    app.add_url_rule(f"{URL}/<path:path>", endpoint="static", view_func=show)
    app.add_url_rule("/favicon.ico", endpoint="favicon", view_func=favicon)


@public
@unlimited
async def show(path: str) -> Response:
    files = static_files()
    fingerprint, _, rest = path.partition("/")
    is_current = fingerprint == files.fingerprint
    file = await files.load(rest if is_current or FINGERPRINT.fullmatch(fingerprint) else path)
    if file is None:
        raise NotFound
    return _respond(file, IMMUTABLE if is_current and not config().is_development else REVALIDATED)


@public
@unlimited
async def favicon() -> Response:
    """Browsers request this name before they have read a page."""
    return await show("favicon.ico")


def _respond(file: StaticFile, cache_control: str) -> Response:
    encoding = "" if "Range" in request.headers else _best_encoding(file)
    response = send_bytes(file.bodies[encoding], file.mimetype, f"{file.tag}-{encoding}" if encoding else file.tag)
    response.headers["Cache-Control"] = cache_control
    response.vary.add("Accept-Encoding")
    if encoding:
        response.headers["Content-Encoding"] = encoding
    return response


def _best_encoding(file: StaticFile) -> str:
    accepted = request.accept_encodings
    return next((name for name in ("br", "gzip") if name in file.bodies and accepted.quality(name) > 0), "")


def _read(path: Path) -> StaticFile:
    body = path.read_bytes()
    mimetype = TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    imported = [path.parent / found[1].decode() for found in IMPORT.finditer(body)] if mimetype == "text/css" else []
    sources = _change_times([path, *imported])
    if imported:
        body = IMPORT.sub(lambda found: _layer(path.parent / found[1].decode(), found[2]), body)
    bodies = {"": body}
    if mimetype in COMPRESSIBLE:
        for name, smaller in (("br", brotli.compress(body)), ("gzip", gzip.compress(body, mtime=0))):
            if len(smaller) < len(body):
                bodies[name] = smaller
    return StaticFile(mimetype, hashlib.sha256(body).hexdigest()[:16], bodies, sources)


def _layer(path: Path, name: bytes) -> bytes:
    return b"@layer %s {\n%s}" % (name, path.read_bytes())


def _change_times(paths: Iterable[Path]) -> dict[Path, int]:
    """In nanoseconds; 0 of a file that is gone."""
    return {path: path.stat().st_mtime_ns if path.exists() else 0 for path in paths}
