"""The server with one more view, which answers a signed-in POST and does nothing: what any POST costs."""

import sys

from quart import Response

from settings import Settings
from webapp import create_app
from webapp.server import serve
from webapp.web.application import Application

PATH = "/empty"


def with_empty_post(settings: Settings) -> Application:
    app = create_app(settings)

    @app.post(PATH)
    async def empty() -> Response:
        return Response("{}", content_type="application/json")

    return app


if __name__ == "__main__":
    sys.exit(serve(Settings(), factory=with_empty_post))
