"""The environment of every template."""

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

    assert 'aria-hidden="true"' in html
    assert html.endswith('/icons.svg#table"></use></svg>')


async def test_values_are_escaped_whatever_the_name_of_the_template(bare: Application) -> None:
    async with bare.app_context():
        text = templating.templates().from_string("{{ name }}").render(name="<script>")

    assert text == "&lt;script&gt;"
