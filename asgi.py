"""The entry point for ASGI servers: `asgi:app`. Prefer `rowcast serve`, which ends live streams when it stops."""

from settings import Settings
from webapp import create_app
from webapp.web import observability

settings = Settings()
observability.configure(settings)
app = create_app(settings)
