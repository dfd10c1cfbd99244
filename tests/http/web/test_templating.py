"""The environment of every template."""

import html5lib

from webapp.web import templating
from webapp.web.application import Application


async def test_urls_are_paths_with_and_without_a_request(bare: Application) -> None:
    async with bare.app_context():
        environment = templating.templates()
        template = environment.from_string(
            "{{ url_for('static', path='a.css') }} {{ url_for('auth.login', next=None) }}"
        )
        outside = template.render()
    async with bare.test_request_context("/", headers={"Host": "evil.example"}):
        inside = template.render()

    assert outside == inside == "/static/a.css /login"


async def test_icons_are_hidden_from_screen_readers(bare: Application) -> None:
    async with bare.app_context():
        html = templating.templates().globals["icon"]("table")  # type: ignore[operator]

    (svg,) = html5lib.parseFragment(html, namespaceHTMLElements=False)
    assert svg.attrib == {"class": "i", "aria-hidden": "true"}
    assert [use.attrib["href"].rpartition("/")[2] for use in svg] == ["icons.svg#table"]


async def test_values_are_escaped_whatever_the_name_of_the_template(bare: Application) -> None:
    async with bare.app_context():
        text = templating.templates().from_string("{{ name }}").render(name="<script>")

    assert text == "&lt;script&gt;"
