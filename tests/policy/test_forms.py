"""No form has a validator that would have to be awaited: WTForms takes a coroutine for success."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from typing import Any

import pytest
from werkzeug.datastructures import MultiDict
from wtforms import StringField, ValidationError

import webapp
from webapp.web.forms import Form


def every_form() -> Iterator[type[Form]]:
    for module in pkgutil.walk_packages(webapp.__path__, "webapp."):
        if module.name.rpartition(".")[2] in ("forms", "fields"):
            importlib.import_module(module.name)
    waiting = [Form]
    while waiting:
        form = waiting.pop()
        waiting += form.__subclasses__()
        if form.__module__.startswith("webapp."):
            yield form


def awaited(form: type[Form]) -> list[str]:
    """The validators of a form, including inline ones, that are coroutines."""
    instance: Any = form()
    found = [(f"{name}()", getattr(form, name)) for name in dir(form) if name.startswith(("validate", "filter_"))]
    for field in instance:
        found += [(f"{field.name}.{name}", getattr(field, name)) for name in ("pre_validate", "post_validate")]
        found += [(f"{field.name}: {check}", check) for check in (*field.validators, *field.filters)]
    return [name for name, check in found if inspect.iscoroutinefunction(check) or _is_async_object(check)]


def _is_async_object(check: Any) -> bool:
    return inspect.iscoroutinefunction(getattr(check, "__call__", None))  # noqa: B004


def test_no_form_has_an_asynchronous_validator() -> None:
    forms = list(every_form())

    assert {form.__name__ for form in forms} >= {"LoginForm", "RegistrationForm"}
    assert [name for form in forms for name in awaited(form)] == []


def test_an_asynchronous_validator_would_be_found() -> None:
    async def is_free(form: Form, field: StringField) -> None:
        raise ValidationError("taken")

    class Careless(Form):
        name = StringField(validators=[is_free])

        async def validate_name(self, field: StringField) -> None:
            raise ValidationError("taken")

    assert len(awaited(Careless)) == 2


def test_a_form_has_no_csrf_token_and_refuses_nul() -> None:
    class Named(Form):
        name = StringField()

    form = Named(MultiDict({"name": "a\0b"}))

    assert [field.name for field in form] == ["name"]
    assert not form.validate()
    assert "cannot be kept" in form.errors["name"][0]


@pytest.mark.parametrize("where", [None, "name"])
def test_an_error_added_by_the_view_is_shown_like_any_other(where: str | None) -> None:
    class Named(Form):
        name = StringField()

    form = Named(MultiDict({"name": "a"}))
    assert form.validate()

    form.refuse(where, "Taken.")

    assert form.errors == {where or "": ["Taken."]}
