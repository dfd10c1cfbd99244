"""What templates are compiled to: the same text as Jinja's own code, with fewer calls."""

import pytest
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from webapp.web.template_code import declare_pure, ensure_not_shadowed

TEMPLATES = [
    "{{ bold('a') }}{{ plain('<b>') }}",
    "{{ bold(name) }}{{ plain(name, more='<') }}{{ plain(name) | upper }}",
    "<a href=\"{{ plain('/x', more='&') if name else plain('/y') }}\">",
    "{% for plain in ('a', 'b') %}{{ plain }}{{ bold('c') }}{{ bold(plain) }}{% endfor %}",
    "{% set bold = other %}{{ bold('a') }}",
    "{% macro row(plain) %}{{ plain('a') }}{{ bold('b') }}{% endmacro %}{{ row(other) }}",
    "{% macro bold(text) %}[{{ text }}]{% endmacro %}{{ bold('a') }}",
    "{% with bold = other %}{{ bold('a') }}{% endwith %}{{ bold('a') }}",
    "{{ plain(*('a',)) }}{{ plain(**{'text': 'b'}) }}",
]


class Functions:
    """They count their calls."""

    def __init__(self) -> None:
        self.calls = 0

    def plain(self, text: str, more: str = "") -> str:
        self.calls += 1
        return text + more

    def bold(self, text: str) -> Markup:
        self.calls += 1
        return Markup("<b>{}</b>").format(text)


def environment(functions: Functions, *, are_constant: bool) -> Environment:
    made = Environment(autoescape=True, undefined=StrictUndefined)
    declare_pure(made, {"plain": functions.plain, "bold": functions.bold}, are_constant=are_constant)
    return made


@pytest.mark.parametrize("are_constant", [True, False])
@pytest.mark.parametrize("source", TEMPLATES)
def test_a_template_says_what_it_says_without_knowing_of_pure_functions(source: str, are_constant: bool) -> None:
    functions, context = Functions(), {"name": "<i>&", "other": lambda text: f"<{text}>"}
    usual = Environment(autoescape=True, undefined=StrictUndefined)
    usual.globals.update(plain=functions.plain, bold=functions.bold)

    made = environment(functions, are_constant=are_constant).from_string(source)

    assert made.render(context) == usual.from_string(source).render(context)


def test_a_call_with_constant_arguments_is_made_once_for_all_pages() -> None:
    functions = Functions()
    template = environment(functions, are_constant=True).from_string("{{ bold('a') }}{{ plain('<') }}{{ bold(name) }}")
    assert functions.calls == 2

    assert [template.render(name=name) for name in ("b", "c")] == ["<b>a</b>&lt;<b>b</b>", "<b>a</b>&lt;<b>c</b>"]
    assert functions.calls == 4


def test_what_may_change_is_asked_for_with_each_page() -> None:
    functions = Functions()
    template = environment(functions, are_constant=False).from_string("{{ plain('a') }}")

    assert (template.render(), template.render(), functions.calls) == ("a", "a", 2)


def test_nothing_a_template_is_rendered_with_hides_a_pure_function() -> None:
    made = environment(Functions(), are_constant=True)

    ensure_not_shadowed(made, {"name": 1})
    with pytest.raises(ValueError, match="bold"):
        ensure_not_shadowed(made, {"name": 1, "bold": 2})
