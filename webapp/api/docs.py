"""The API's documentation: the OpenAPI document for programs, and a page rendered from it for people."""

import json
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, cast

from quart import Response, current_app
from quart_schema import QuartSchema, hide

from webapp.api import bp
from webapp.api.examples import Example
from webapp.api.openapi import Json, Provider
from webapp.web.access import public
from webapp.web.errors import TEXTS, TITLES
from webapp.web.fragments import render
from webapp.web.hosts import own_origin
from webapp.web.rate_limit.requests import READS, WRITES, reads

TYPES = {"string": "text", "integer": "whole number", "boolean": "true or false", "null": "null", "object": "object"}
FORMATS = {"date-time": "time (RFC 3339, UTC)", "email": "e-mail address"}
MAX_BOUND = 10**6  # larger bounds are not worth printing


@bp.get("/v1/openapi.json")
@public
@reads
@hide
async def openapi_show() -> Response:
    """Public: it says what this program can do, and nothing of who uses it."""
    return current_app.json.response(_document())  # type: ignore[return-value]


@bp.get("/docs")
@public
async def docs_show() -> Response:
    problems = [(status, title, TEXTS.get(status, "")) for status, title in TITLES.items()]
    reference = Reference(_document(), own_origin())
    return await render("api/docs.html", reference=reference, problems=problems, reads=READS, writes=WRITES)


def _document() -> Json:
    return cast(Provider, cast(QuartSchema, current_app.extensions["QUART_SCHEMA"]).openapi_provider).document


class Field(NamedTuple):
    """A parameter, or a field of a body."""

    name: str
    type: str  # in plain words
    description: str
    is_required: bool = False


class Reference:
    """The document as the page prints it: references resolved, types in plain words, examples of each operation."""

    def __init__(self, document: Json, origin: str) -> None:
        self.document = document
        self.origin = origin

    def operations(self) -> Iterator[Json]:
        """Each as in the document, with `path`, `method`, `scope`, `fields` of the body, `curl` and `python`;
        parameters are fields too, and responses are resolved.
        """
        for path, operations in self.document["paths"].items():
            for method, operation in operations.items():
                body = self._resolve(_schema(operation.get("requestBody", {})))
                example = Example.of(self.origin, path, method, operation, body)
                yield operation | {
                    "path": path,
                    "method": method.upper(),
                    "scope": " or ".join(
                        scope for scheme in operation["security"] for scope in scheme.get("token", [])
                    ),
                    "allows_session": any("session" in scheme for scheme in operation["security"]),
                    "parameters": [self._parameter(parameter) for parameter in operation["parameters"]],
                    "fields": self._fields(body, body.get("required", [])),
                    "responses": [self._response(*item) for item in operation["responses"].items()],
                    "curl": example.curl,
                    "python": example.python,
                }

    def schemas(self) -> Iterator[Json]:
        """Those of responses, and of parts of bodies, with `name`, `fields` and `example` (JSON); bodies are described
        with their operation.
        """
        operations = [operation for path in self.document["paths"].values() for operation in path.values()]
        bodies = {_name(_schema(operation.get("requestBody", {}))) for operation in operations}
        for name, schema in self.document["components"]["schemas"].items():
            if "properties" in schema and (name not in bodies or schema.get("additionalProperties", True)):
                examples = schema.get("examples")
                example = json.dumps(examples[0], indent=2, ensure_ascii=False) if examples else ""
                yield schema | {"name": name, "fields": self._fields(schema), "example": example}

    def _parameter(self, parameter: Json) -> Field:
        is_required = parameter.get("required", False) and parameter["in"] != "path"
        return Field(parameter["name"], self._type(parameter["schema"]), parameter.get("description", ""), is_required)

    def _fields(self, schema: Json, required: Iterable[str] = ()) -> list[Field]:
        return [
            Field(name, self._type(field), field.get("description", ""), name in required)
            for name, field in schema.get("properties", {}).items()
        ]

    def _response(self, status: str, response: Json) -> Json:
        response = self._resolve(response)
        name, is_file = _name(_schema(response)), "content" in response
        return {"status": int(status), "schema": name, "is_file": is_file, "description": response["description"]}

    def _type(self, schema: Json) -> str:
        return " or ".join(dict.fromkeys(self._types(schema)))

    def _types(self, schema: Json) -> Iterator[str]:
        name, default, schema = _name(schema), schema.get("default"), self._resolve(schema)
        if "enum" in schema:
            yield "one of " + ", ".join(schema["enum"]) + (f", else {default}" if default else "")
        elif choices := schema.get("anyOf", schema.get("allOf")):
            for choice in choices:
                yield from self._types(choice)
        elif schema.get("type") == "array":
            yield f"list of {self._type(schema['items'])}"
        elif name:
            yield name
        else:
            yield FORMATS.get(schema.get("format", ""), TYPES.get(schema.get("type", ""), "anything")) + _bounds(schema)

    def _resolve(self, part: Json) -> Json:
        if "$ref" not in part:
            return part
        target: Any = self.document
        for key in part["$ref"].removeprefix("#/").split("/"):
            target = target[key]
        return cast(Json, target)


def _schema(part: Json) -> Json:
    """The schema of a body, whatever its content type."""
    return next((cast(Json, content["schema"]) for content in part.get("content", {}).values()), {})


def _name(schema: Json) -> str:
    return str(schema.get("$ref", "")).rpartition("/")[2]


def _bounds(schema: Json) -> str:
    """The constraints on a value besides its type, and its default."""
    bounds = []
    if "maxLength" in schema:
        bounds.append(f"at most {schema['maxLength']} characters")
    if schema.get("maximum", MAX_BOUND) < MAX_BOUND:
        bounds.append(f"{schema.get('minimum', 0)} to {schema['maximum']}")
    if schema.get("default"):
        bounds.append(f"else {schema['default']}")
    return "".join(f", {bound}" for bound in bounds)
