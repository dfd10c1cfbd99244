"""The OpenAPI document prepared for the documentation page: references resolved, types in plain words."""

import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

Described = dict[str, Any]

WORDS = {"string": "text", "integer": "whole number", "boolean": "true or false", "null": "null", "object": "object"}
FORMATS = {"date-time": "time (RFC 3339, UTC)", "email": "e-mail address"}


@dataclass(frozen=True, slots=True)
class Row:
    """A parameter or a field."""

    name: str
    kind: str
    text: str
    is_needed: bool = False
    place: str = ""  # for a parameter: path, query, header


@dataclass(frozen=True, slots=True)
class Answered:
    status: int
    text: str
    shape: str = ""  # the name of the body's schema, if it has one


@dataclass(frozen=True, slots=True)
class Operation:
    name: str
    method: str
    path: str
    title: str
    text: str
    scope: str
    for_browsers: bool  # a browser's sign-in suffices
    parameters: list[Row]
    fields: list[Row]
    answers: list[Answered]
    curl: str


@dataclass(frozen=True, slots=True)
class Shape:
    """The structure of a response body."""

    name: str
    text: str
    fields: list[Row]
    example: str


class Handbook:
    def __init__(self, document: Described, origin: str) -> None:
        self.document = document
        self.origin = origin

    @cached_property
    def operations(self) -> list[Operation]:
        paths: Described = self.document["paths"]
        return [self._operation(path, method, one) for path in paths for method, one in paths[path].items()]

    @cached_property
    def shapes(self) -> list[Shape]:
        """Shapes of responses; request bodies are described with their operation."""
        named: Described = self.document["components"]["schemas"]
        return [
            Shape(name, one.get("description", ""), self._fields(one), _example(one))
            for name, one in named.items()
            if "properties" in one and one.get("additionalProperties", True)
        ]

    def _operation(self, path: str, method: str, one: Described) -> Operation:
        body = self._body(one.get("requestBody", {}))
        schemes = {name: scopes for scheme in one["security"] for name, scopes in scheme.items()}
        return Operation(
            name=one["operationId"],
            method=method.upper(),
            path=path,
            title=one["summary"],
            text=one["description"],
            scope=next(iter(schemes.get("token", [])), ""),
            for_browsers="session" in schemes,
            parameters=[self._parameter(each) for each in one["parameters"]],
            fields=self._fields(body),
            answers=[self._answered(status, each) for status, each in one["responses"].items()],
            curl=self._curl(method, path, body),
        )

    def _parameter(self, one: Described) -> Row:
        return Row(
            one["name"], self._kind(one["schema"]), one.get("description", ""), one.get("required", False), one["in"]
        )

    def _fields(self, schema: Described) -> list[Row]:
        needed = schema.get("required", [])
        return [
            Row(name, self._kind(one), one.get("description", ""), name in needed)
            for name, one in schema.get("properties", {}).items()
        ]

    def _answered(self, status: str, one: Described) -> Answered:
        one = self._follow(one)
        return Answered(int(status), one["description"], _name(_content(one)))

    def _body(self, one: Described) -> Described:
        return self._follow(_content(one))

    def _kind(self, schema: Described) -> str:
        return " or ".join(dict.fromkeys(self._words(schema)))

    def _words(self, schema: Described) -> Iterator[str]:
        name, default, schema = _name(schema), schema.get("default"), self._follow(schema)
        if "enum" in schema:
            yield "one of " + ", ".join(schema["enum"]) + (f", else {default}" if default else "")
        elif choices := schema.get("anyOf", schema.get("allOf")):
            for choice in choices:
                yield from self._words(choice)
        elif schema.get("type") == "array":
            yield f"list of {self._kind(schema['items'])}"
        elif name:
            yield name
        else:
            yield FORMATS.get(schema.get("format", ""), WORDS.get(schema.get("type", ""), "anything")) + _bounds(schema)

    def _follow(self, schema: Described) -> Described:
        found: Any = self.document
        if "$ref" not in schema:
            return schema
        for step in schema["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        followed: Described = found
        return followed

    def _curl(self, method: str, path: str, body: Described) -> str:
        lines = [f"curl {self.origin}{path.replace('{user_id}', '7')}", '-H "Authorization: Bearer $ROWCAST_TOKEN"']
        if method != "get":
            lines[0] = lines[0].replace("curl", f"curl -X {method.upper()}")
        if body:
            lines.append("-H 'Content-Type: application/json'")
            lines.append(f"-d {shlex.quote(json.dumps(body['examples'][0]))}")
        return " \\\n  ".join(lines)


def _content(one: Described) -> Described:
    """The schema of a body, whatever its content type."""
    contents: list[Described] = list(one.get("content", {}).values())
    schema: Described = contents[0]["schema"] if contents else {}
    return schema


def _name(schema: Described) -> str:
    return str(schema.get("$ref", "")).rpartition("/")[2]


def _bounds(schema: Described) -> str:
    """The constraints on a value besides its type, and its default."""
    said = []
    if "maxLength" in schema:
        said.append(f"at most {schema['maxLength']} characters")
    if "maximum" in schema and schema["maximum"] < 10**6:
        said.append(f"{schema.get('minimum', 0)} to {schema['maximum']}")
    if schema.get("default"):
        said.append(f"else {schema['default']}")
    return "".join(f", {words}" for words in said)


def _example(schema: Described) -> str:
    examples = schema.get("examples")
    return json.dumps(examples[0], indent=2, ensure_ascii=False) if examples else ""
