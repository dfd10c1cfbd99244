"""The titles of the grid. Each is made of its `ColumnHeader` and nothing else, so what was made of one is kept: it is
the same for everybody who looks at the same view, until the column changes.
"""

from collections.abc import Sequence

from jinja2 import Environment
from markupsafe import Markup

from webapp.extensions import Extension, config
from webapp.tables.grid_view import ColumnHeader
from webapp.web.templating import templates

MAX_KEPT = 1_000  # titles
MAX_LENGTH = 2_000  # characters of one that is kept; a long search makes longer links


class Titles:
    def __init__(self, environment: Environment, *, is_changing: bool) -> None:
        self._environment = environment
        self._is_changing = is_changing  # the templates and the icons, while the server runs
        self._kept: dict[tuple[ColumnHeader, bool], str] = {}

    def render(self, heads: Sequence[ColumnHeader]) -> Markup:
        """The `<th>`s."""
        is_one_of_several = sum(head.place is not None for head in heads) > 1
        html = [self._one(head, is_one_of_several) for head in heads]
        return Markup("".join(html))  # noqa: S704  (rendered by a template)

    def _one(self, head: ColumnHeader, is_one_of_several: bool) -> str:
        """`is_one_of_several`: its sort, whose place is shown then."""
        key = head, is_one_of_several
        if (known := self._kept.get(key)) is not None:
            return known
        template = self._environment.get_template("tables/_title.html")
        html = template.render(head=head, is_one_of_several=is_one_of_several)
        if len(html) <= MAX_LENGTH and not self._is_changing:
            if len(self._kept) >= MAX_KEPT:
                self._kept.clear()
            self._kept[key] = html
        return html


titles = Extension("grid_titles", lambda app: Titles(templates.of(app), is_changing=config.of(app).is_development))
