"""The dashboard's panels: each feature registers its own, and the dashboard knows none of them."""

from collections.abc import Awaitable, Callable

from markupsafe import Markup

from webapp.extensions import Extension
from webapp.models import Actor

Panel = Callable[[Actor], Awaitable[Markup]]

panels: Extension[list[Panel]] = Extension("panels", lambda app: [])
