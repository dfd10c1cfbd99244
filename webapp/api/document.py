"""The OpenAPI document: what quart-schema derives from the views, plus what is common to all of them."""

from collections.abc import Iterable
from copy import deepcopy
from http import HTTPStatus
from typing import Any

from quart import Quart
from quart_schema import APIKeySecurityScheme, HttpSecurityScheme, Info, QuartSchema, Tag
from quart_schema.openapi import OpenAPIProvider
from werkzeug.routing import Rule
from werkzeug.routing.converters import BaseConverter

from webapp.api.shapes import FieldProblem, Problem
from webapp.models.base import MAX_ID
from webapp.models.policy import RULES, Action
from webapp.web.errors import PROBLEM_TYPE, TEXTS, TITLES
from webapp.web.rate_limit.requests import READS, WRITES

Described = dict[str, Any]

BASE = "/api/v1/"
SAFE = {"get", "head", "options"}
ORDER = ("GET", "POST", "PATCH", "DELETE")
INFO = Info(
    title="Rowcast",
    version="1",
    description=(
        "Manages the people of this server. Every request, except for this document, needs a token; a "
        "signed-in browser can read without one."
    ),
)
TAGS: list[Tag | Described] = [
    Tag(name="People", description="The people with an account."),
    Tag(name="You", description="The person behind the token."),
]
SECURITY: Described = {
    "token": HttpSecurityScheme(scheme="bearer", bearer_format="rowcast_..."),
    "session": APIKeySecurityScheme(name="rowcast-sign-in", in_="cookie"),
}
SECURITY_WORDS = {
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
ALL_ANSWERS = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "X-Request-Id")
MORE_HEADERS = {401: ("WWW-Authenticate",), 403: ("WWW-Authenticate",), 429: ("Retry-After",), 503: ("Retry-After",)}
SUCCESS_HEADERS = {
    "users_index": ("Link",),
    "users_create": ("Location", "ETag"),
    "users_show": ("ETag",),
    "users_update": ("ETag",),
}
IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "schema": {"type": "string"},
    "description": "The `ETag` you received. If the person has changed since, nothing happens and the response is 412.",
}


class Provider(OpenAPIProvider):
    """One operation per method of each route below /api/v1/."""

    def __init__(self, app: Quart, extension: QuartSchema) -> None:
        super().__init__(app, extension)
        self.views = app.view_functions

    def schema(self) -> Described:
        made = super().schema()
        schemas = made["components"]["schemas"]
        schemas |= {model.__name__: _component(model) for model in (FieldProblem, Problem)}
        _name_bodies(made["paths"], schemas)
        _forget_titles(schemas)
        made["components"]["schemas"] = dict(sorted(schemas.items()))
        for name, words in SECURITY_WORDS.items():
            made["components"]["securitySchemes"][name]["description"] = words
        used = {name for path in made["paths"].values() for one in path.values() for name in one["responses"]}
        refused = sorted(int(name) for name in used if int(name) >= 400)
        made["components"]["responses"] = {str(status): _refusal(status) for status in refused}
        made["components"]["headers"] = {
            name: {"schema": {"type": kind}, "description": words} for name, (kind, words) in HEADERS.items()
        }
        return made

    def generate_rules(self) -> Iterable[Rule]:
        rules = [rule for rule in super().generate_rules() if rule.rule.startswith(BASE)]
        return sorted(rules, key=lambda rule: (rule.rule, min(map(ORDER.index, (rule.methods or set()) & set(ORDER)))))

    def operation_id(self, method: str, path: str, func: Any) -> str:
        return str(func.__name__)

    def build_path_parameter(self, name: str, converter: BaseConverter) -> Described:
        described: Described = super().build_path_parameter(name, converter)
        described["schema"] |= {"minimum": 0, "maximum": MAX_ID}
        return described | {"description": "The person's id.", "example": 7}

    def build_paths(self, rule: Rule) -> tuple[Described, Described]:
        paths, components = super().build_paths(rule)
        view = self.views[rule.endpoint]
        for operations in paths.values():
            for method, operation in operations.items():
                operations[method] = _complete(deepcopy(operation), method, view)
        return paths, components


def _complete(operation: Described, method: str, view: Any) -> Described:
    """Add what is the same everywhere, or follows from the right a view needs."""
    scope = RULES[getattr(view, "action", Action.USE)].scope
    is_public = getattr(view, "is_public", False)
    operation["description"] = operation["description"].strip()
    operation["tags"] = ["People" if "users" in operation["operationId"] else "You"]
    ways: list[Described] = [{"token": [str(scope)]}, *([{"session": []}] if method in SAFE else [])]
    operation["security"] = [] if is_public else ways
    if 412 in getattr(view, "refusals", ()):
        operation["parameters"].append(IF_MATCH)
    if "requestBody" in operation:
        operation["requestBody"]["required"] = True
    operation["responses"] = _answers(operation, view)
    return operation


def _answers(operation: Described, view: Any) -> Described:
    done = operation["responses"] or {204: {}}
    for status, described in done.items():
        names = (*ALL_ANSWERS, *SUCCESS_HEADERS.get(operation["operationId"], ()))
        described["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in sorted(names)}
        described["description"] = HTTPStatus(status).phrase
    refused = {str(status): {"$ref": f"#/components/responses/{status}"} for status in _refusals(operation, view)}
    return {str(status): described for status, described in done.items()} | refused


def _refusals(operation: Described, view: Any) -> list[int]:
    places = {parameter["in"] for parameter in operation["parameters"]}
    has_body = "requestBody" in operation
    found = {401, 403, 429, 500, 503, *getattr(view, "refusals", ())}
    found |= {400} if has_body or "query" in places else set()
    found |= {408, 413, 415} if has_body else set()
    found |= {404} if "path" in places else set()
    return sorted(found)


def _refusal(status: int) -> Described:
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
    names = (*ALL_ANSWERS, *MORE_HEADERS.get(status, ()))
    return {
        "description": TITLES[status],
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in sorted(names)},
        "content": {
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}
        },
    }


def _name_bodies(paths: Described, schemas: Described) -> None:
    """quart-schema repeats every body inline; this gives it a name and refers to it."""
    for operation in (one for path in paths.values() for one in path.values()):
        for part in (operation.get("requestBody", {}), *operation["responses"].values()):
            for content in part.get("content", {}).values():
                name = content["schema"]["title"]
                schemas[name] = content["schema"]
                content["schema"] = {"$ref": f"#/components/schemas/{name}"}


def _forget_titles(described: Any) -> None:
    """Remove pydantic's titles, which only repeat the field names."""
    if isinstance(described, dict):
        if isinstance(described.get("title"), str):
            del described["title"]
        for inner in described.values():
            _forget_titles(inner)


def _component(model: Any) -> Described:
    described: Described = model.model_json_schema(ref_template="#/components/schemas/{model}", mode="serialization")
    described.pop("$defs", None)
    return described
