"""How templates become Python: what a page says on every request is said once, when its template is compiled.

A page of the grid names fifty icons, thirty addresses of scripts and twenty of pages. Jinja calls a function for each,
through its context and with an escape, although most of them have constant arguments.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from jinja2 import Environment, nodes
from jinja2.compiler import CodeGenerator, Frame
from markupsafe import escape

PURE = "rowcast_pure"  # attribute of an environment: the names of its pure functions


def declare_pure(environment: Environment, functions: Mapping[str, Any], *, are_constant: bool) -> None:
    """Give templates `functions` whose answers depend on their arguments alone. Templates must not use these names for
    anything else, and nor may what they are rendered with.

    Unless they `are_constant`, their answers may change while the server runs, and nothing is said in advance.
    """
    environment.globals.update(functions)
    environment.extend(**{PURE: frozenset(functions)})
    environment.code_generator_class = ConstantCalls if are_constant else DirectCalls


def ensure_not_shadowed(environment: Environment, names: Collection[str]) -> None:
    """Raises ValueError if a template is rendered with another meaning of the name of a pure function."""
    if shadowed := getattr(environment, PURE).intersection(names):
        raise ValueError(f"Templates have functions of these names: {', '.join(sorted(shadowed))}")


class DirectCalls(CodeGenerator):
    """Calls pure functions by themselves: they need nothing of the context."""

    def visit_Call(self, node: nodes.Call, frame: Frame, forward_caller: bool = False) -> None:
        if not self._is_pure(node, frame):
            super().visit_Call(node, frame, forward_caller=forward_caller)
            return
        self.write(f"environment.globals[{_name(node)!r}](")
        for argument in (*node.args, *node.kwargs):
            self.visit(argument, frame)
            self.write(", ")
        self.write(")")

    def _is_pure(self, node: nodes.Expr, frame: Frame) -> bool:
        """Whether it calls a pure function, by a name that the template itself has not given to something else."""
        name = _name(node)
        if name not in getattr(self.environment, PURE) or not isinstance(node, nodes.Call):
            return False
        if node.dyn_args is not None or node.dyn_kwargs is not None:
            return False
        load = frame.symbols.find_load(frame.symbols.ref(name))
        return load is not None and load[0] == "resolve"


class ConstantCalls(DirectCalls):
    """Besides, those with constant arguments are part of the text around them."""

    def _output_child_to_const(self, node: nodes.Expr, frame: Frame, finalize: Any) -> str:
        if not self._is_pure(node, frame):
            return super()._output_child_to_const(node, frame, finalize)
        return str(escape(self._call(node, frame)))

    def _call(self, node: Any, frame: Frame) -> Any:
        """Raises `nodes.Impossible` if its arguments are not constant."""
        arguments = [argument.as_const(frame.eval_ctx) for argument in node.args]
        keywords = {keyword.key: keyword.value.as_const(frame.eval_ctx) for keyword in node.kwargs}
        function: Callable[..., Any] = self.environment.globals[_name(node)]  # type: ignore[assignment]
        return function(*arguments, **keywords)


def _name(node: nodes.Expr) -> str:
    """Of the function that is called; "" if it has none, or this is no call."""
    called = node.node if isinstance(node, nodes.Call) else None
    return called.name if isinstance(called, nodes.Name) else ""
