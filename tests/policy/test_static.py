"""Every file that a page requests exists."""

import re
from pathlib import Path

import pytest

from webapp.web import static, templating

TEMPLATES = sorted(templating.FOLDER.rglob("*.html"))
NAMED = re.compile(r"""static_url\(\s*['"]([^'"]+)['"]|['"]((?:vendor|js|css)/[\w./-]+)['"]""")
ICON = re.compile(r"""icon\(\s*['"]([\w-]+)['"]""")


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: str(path.relative_to(templating.FOLDER)))
def test_every_file_and_icon_a_template_names_exists(template: Path) -> None:
    text = template.read_text(encoding="utf-8")
    sprite = (static.FOLDER / "icons.svg").read_text(encoding="utf-8")

    for name in {found[0] or found[1] for found in NAMED.findall(text)}:
        assert (static.FOLDER / name).is_file(), name
    for name in set(ICON.findall(text)):
        assert f'id="{name}"' in sprite, name
