"""An example of a request for each operation, as a command of curl and as a program in Python."""

import json
import shlex
from dataclasses import dataclass
from typing import Any, cast

Json = dict[str, Any]
_PYTHON = """\
import os

import httpx

answer = httpx.request(
    "{method}",
    "{url}",
{arguments})
answer.raise_for_status()
print(answer.text)
"""


@dataclass(frozen=True, slots=True)
class Example:
    """A request. A `body` that is a string goes as it is, any other as JSON."""

    method: str
    url: str
    needs_token: bool
    content_type: str = ""  # empty: without a body
    body: Any = None

    @classmethod
    def of(cls, origin: str, path: str, method: str, operation: Json, schema: Json) -> "Example":
        """Of an operation of the document; `schema` is that of its body, or empty."""
        examples = {part["name"]: part["example"] for part in operation["parameters"] if part["in"] == "path"}
        url, needs_token = f"{origin}{path.format(**examples)}", bool(operation["security"])
        if not schema:
            return cls(method.upper(), url, needs_token)
        body = schema["examples"][0]
        if isinstance(body, str):  # a file, which has a name
            url += "?filename=planets.csv"
        content_type = next(iter(cast(Json, operation["requestBody"]["content"])))
        return cls(method.upper(), url, needs_token, content_type, body)

    @property
    def curl(self) -> str:
        lines = [f"curl {'' if self.method == 'GET' else f'-X {self.method} '}{shlex.quote(self.url)}"]
        if self.needs_token:
            lines.append('-H "Authorization: Bearer $ROWCAST_TOKEN"')
        if self.content_type:
            lines.append(f"-H 'Content-Type: {self.content_type}'")
            lines.append(f"-d {shlex.quote(self.body if isinstance(self.body, str) else json.dumps(self.body))}")
        return " \\\n  ".join(lines)

    @property
    def python(self) -> str:
        headers = []
        if self.needs_token:
            headers.append("""\"Authorization": f"Bearer {os.environ['ROWCAST_TOKEN']}\"""")
        if isinstance(self.body, str):
            headers.append(f'"Content-Type": "{self.content_type}"')
        arguments = [f"headers={{{', '.join(headers)}}}"] if headers else []
        if self.content_type:
            arguments.append(f"content={self.body!r}" if isinstance(self.body, str) else f"json={self.body!r}")
        lines = "".join(f"    {argument},\n" for argument in arguments)
        program = _PYTHON.format(method=self.method, url=self.url, arguments=lines)
        return program if self.needs_token else program.removeprefix("import os\n\n")
