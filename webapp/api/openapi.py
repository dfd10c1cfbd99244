"""The OpenAPI document: what quart-schema derives from the views, plus what is common to all of them."""

from collections.abc import Callable, Iterable
from copy import deepcopy
from functools import cached_property
from http import HTTPStatus
from inspect import unwrap
from typing import Any, get_type_hints

from pydantic import TypeAdapter
from quart import Quart
from quart_schema import APIKeySecurityScheme, HttpSecurityScheme, Info, QuartSchema, Tag
from quart_schema.openapi import OpenAPIProvider
from werkzeug.routing import Rule

from webapp.api.schemas import FieldProblem, Problem
from webapp.models.policy import RULES, Action
from webapp.web.errors import PROBLEM_TYPE, TEXTS, TITLES
from webapp.web.rate_limit.requests import READS, WRITES

Json = dict[str, Any]

BASE = "/api/v1/"
SAFE = {"get", "head", "options"}
ORDER = ("GET", "POST", "PATCH", "PUT", "DELETE")
INFO = Info(
    title="Rowcast",
    version="1",
    description=(
        "Reads and changes the tables of this server, and its people. Every request, except for this document, needs a "
        "token; a signed-in browser can read without one."
    ),
)
TAGS: list[Tag | Json] = [
    Tag(name="People", description="The people with an account."),
    Tag(name="Tables", description="The tables that you may see."),
    Tag(name="Columns", description="The columns of a table."),
    Tag(name="Imports", description="Files on their way into tables."),
    Tag(name="Rows", description="The rows of a table."),
    Tag(name="Changes", description="What was changed in a table, by whom, as it happens."),
    Tag(name="Views", description="Saved views of a table."),
    Tag(name="Sharing", description="With whom a table is shared."),
    Tag(name="Forms", description="Forms by which people add rows to a table."),
    Tag(name="Webhooks", description="Addresses that are told what changes in a table."),
    Tag(name="You", description="The person behind the token."),
]
SECURITY: Json = {
    "token": HttpSecurityScheme(scheme="bearer", bearer_format="rowcast_..."),
    "session": APIKeySecurityScheme(name="rowcast-sign-in", in_="cookie"),
}
SECURITY_DESCRIPTIONS = {
    "token": "An API token, created in your account. Each operation names the scope it needs; larger scopes include "
    "smaller ones.",
    "session": "A browser's sign-in, read-only. Behind TLS the cookie's name starts with `__Host-`.",
}
HEADERS = {
    "RateLimit-Limit": ("integer", f"Allowed requests a minute per token: {READS} reads or {WRITES} writes."),
    "RateLimit-Remaining": ("integer", "Requests left."),
    "RateLimit-Reset": ("integer", "Seconds until the full allowance is restored."),
    "Retry-After": ("integer", "Seconds to wait before the next request."),
    "WWW-Authenticate": ("string", "RFC 6750: `Bearer`, with `error` and, if a scope is missing, `scope`."),
    "Location": ("string", "The URL of the new object."),
    "ETag": ("string", "Identifies this version; send it as `If-Match` with a change."),
    "Link": ("string", 'RFC 8288: the URL of the next page, as `<...>; rel="next"`.'),
    "X-Request-Id": ("string", "The request's id, as in the server's log."),
}
COMMON_HEADERS = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "X-Request-Id")
ERROR_HEADERS = {401: ("WWW-Authenticate",), 403: ("WWW-Authenticate",), 429: ("Retry-After",), 503: ("Retry-After",)}
IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "schema": {"type": "string"},
    "description": "The `ETag` you received. If the object has changed since, nothing happens and the response is 412.",
}

FILE_EXAMPLE = "Planet,Moons\nEarth,1\nMars,2\n"
FILE: Json = {
    "text/csv": {"schema": {"description": "The file as it is.", "examples": [FILE_EXAMPLE]}},
    "application/octet-stream": {"schema": {"description": "A file of any other type, as it is."}},
    "multipart/form-data": {
        "schema": {"type": "object", "properties": {"file": {"type": "string", "format": "binary"}}}
    },
}
IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "schema": {"type": "string", "pattern": "^[!-~]{1,200}$"},
    "description": "A random text that you make for this request. Sent again with the same key and body within a day,"
    " the request does nothing more and gets the first one's result; with another body it is refused (422).",
}


class Provider(OpenAPIProvider):
    """One operation per method of each route below /api/v1/."""

    def __init__(self, app: Quart, extension: QuartSchema) -> None:
        super().__init__(app, extension)
        self.views = app.view_functions

    @cached_property
    def document(self) -> Json:
        """Built on first use, when all views are registered."""
        return self.schema()

    def schema(self) -> Json:
        document = super().schema()
        components, paths = document["components"], document["paths"]
        schemas = components["schemas"]
        schemas |= {model.__name__: _component(model) for model in (FieldProblem, Problem)}
        operations = [operation for path in paths.values() for operation in path.values()]
        for operation in operations:
            _refer_to_schemas(operation, schemas)
        _remove_titles(schemas)
        components["schemas"] = dict(sorted(schemas.items()))
        for name, description in SECURITY_DESCRIPTIONS.items():
            components["securitySchemes"][name]["description"] = description
        statuses = sorted({int(status) for operation in operations for status in operation["responses"]})
        components["responses"] = {str(status): _error_response(status) for status in statuses if status in TITLES}
        components["headers"] = {
            name: {"schema": {"type": type_}, "description": description}
            for name, (type_, description) in HEADERS.items()
        }
        return document

    def generate_rules(self) -> Iterable[Rule]:
        """By path, then by method in `ORDER`."""

        def rank(rule: Rule) -> tuple[str, int]:
            return rule.rule, min(ORDER.index(method) for method in rule.methods or () if method in ORDER)

        return sorted((rule for rule in super().generate_rules() if rule.rule.startswith(BASE)), key=rank)

    def operation_id(self, method: str, path: str, func: Callable[..., Any]) -> str:
        return func.__name__

    def build_paths(self, rule: Rule) -> tuple[Json, Json]:
        paths, components = super().build_paths(rule)
        view = self.views[rule.endpoint]
        for operations in paths.values():
            for method, operation in operations.items():
                operations[method] = _complete(deepcopy(operation), method, view)
        return paths, components


def _complete(operation: Json, method: str, view: Any) -> Json:
    """Add what is the same everywhere, or follows from the right a view needs."""
    scope = RULES[getattr(view, "action", Action.USE)].scope
    schemes: list[Json] = [{"token": [str(scope)]}, *([{"session": []}] if method in SAFE else [])]
    operation["description"] = operation["description"].strip()
    operation["security"] = [] if getattr(view, "is_public", False) else schemes
    hints = get_type_hints(unwrap(view), include_extras=True)
    for parameter in operation["parameters"]:
        if parameter["in"] == "path":
            parameter |= _path_parameter(hints[parameter["name"]])
    if 412 in getattr(view, "error_statuses", ()):
        operation["parameters"].append(IF_MATCH)
    if getattr(view, "takes_idempotency_key", False):
        operation["parameters"].append(IDEMPOTENCY_KEY)
    if getattr(view, "takes_file", False):
        operation["requestBody"] = {"content": deepcopy(FILE)}
    if "requestBody" in operation:
        operation["requestBody"]["required"] = True
    operation["responses"] = _responses(operation, view)
    return operation


def _path_parameter(hint: Any) -> Json:
    """The type in the view's signature describes a path parameter; it names a description and an example."""
    schema = TypeAdapter(hint).json_schema()
    (example,) = schema.pop("examples")
    return {"description": schema.pop("description"), "example": example, "schema": schema}


def _responses(operation: Json, view: Any) -> Json:
    types = getattr(view, "file_types", ())
    files = {name: {"schema": {} if name == "application/json" else {"type": "string"}} for name in types}
    nothing: Json = {"200": {"content": files}} if files else {"204": {}}
    successes: Json = {str(status): success for status, success in (operation["responses"] or nothing).items()}
    for status, success in successes.items():
        success["headers"] = _headers(getattr(view, "response_headers", ()))
        success["description"] = HTTPStatus(int(status)).phrase
        for mimetype in getattr(view, "other_mimetypes", ()):
            success["content"][mimetype] = {"schema": {"type": "string"}}
    errors = {str(status): {"$ref": f"#/components/responses/{status}"} for status in _error_statuses(operation, view)}
    if getattr(view, "has_long_address", False):
        errors["431"] = {"description": "The address is too long. There is no body."}
    return successes | errors


def _error_statuses(operation: Json, view: Any) -> list[int]:
    locations = {parameter["in"] for parameter in operation["parameters"]}
    has_body = "requestBody" in operation
    statuses = {401, 403, 429, 500, 503, *getattr(view, "error_statuses", ())}
    has_key = getattr(view, "takes_idempotency_key", False)
    statuses |= {400} if has_body or has_key or "query" in locations else set()
    statuses |= {408, 413, 415} if has_body else set()
    statuses |= {404} if "path" in locations else set()
    return sorted(statuses)


def _error_response(status: int) -> Json:
    example = {
        "type": f"{PROBLEM_TYPE}{status}",
        "title": TITLES[status],
        "status": status,
        "detail": TEXTS[status],
        "request_id": "5f0c9f2e7a1b4c3d",
    }
    if status == 400:
        example |= {"detail": "Some fields do not fit. Nothing was changed."}
        example |= {"errors": [{"detail": "This is needed.", "pointer": "#/email"}]}
    return {
        "description": TITLES[status],
        "headers": _headers(ERROR_HEADERS.get(status, ())),
        "content": {
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}
        },
    }


def _headers(names: tuple[str, ...]) -> Json:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in sorted((*COMMON_HEADERS, *names))}


def _refer_to_schemas(operation: Json, schemas: Json) -> None:
    """quart-schema repeats every body inline; this gives it a name and refers to it."""
    for part in (operation.get("requestBody", {}), *operation["responses"].values()):
        for content in part.get("content", {}).values():
            if (name := content["schema"].get("title")) is None:
                continue
            schemas[name] = content["schema"]
            content["schema"] = {"$ref": f"#/components/schemas/{name}"}


def _remove_titles(part: Any) -> None:
    """Remove pydantic's titles, which only repeat the field names."""
    if isinstance(part, dict):
        if isinstance(part.get("title"), str):
            del part["title"]
        for inner in part.values():
            _remove_titles(inner)


def _component(model: Any) -> Json:
    schema: Json = model.model_json_schema(ref_template="#/components/schemas/{model}", mode="serialization")
    schema.pop("$defs", None)
    return schema
