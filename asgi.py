"""What an ASGI server loads: `asgi:app`. `rowcast serve` is the better way: it drains live streams when it stops."""

from settings import Settings
from webapp import create_app
from webapp.web import observe

settings = Settings()
observe.configure(settings)
app = create_app(settings)
