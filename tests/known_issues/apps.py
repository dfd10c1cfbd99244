"""The application with a few extra routes, for behaviour that only a real server shows. The tests explain them."""

import asyncio
from collections.abc import AsyncIterator

from quart import Response, g, request
from sqlalchemy import text

from settings import Settings
from tests.servers import wait_for
from webapp import create_app
from webapp.extensions import db
from webapp.web.access import public
from webapp.web.application import Application
from webapp.web.body import body_limit
from webapp.web.streaming import streamed


def streaming(settings: Settings) -> Application:
    """Acquires something per request, as a database session often is. `/rows` streams three rows and waits for `go-on`
    after the first.
    """
    app = create_app(settings)
    log = settings.data_dir / "log"

    def note(text: str) -> None:
        with log.open("a") as file:
            file.write(f"{text}\n")

    @app.before_request
    async def lease() -> None:
        g.lease = "leased"

    @app.teardown_request
    async def release(error: BaseException | None) -> None:
        note(f"released {g.pop('lease')}")  # no default: fails if it is missing

    @app.get("/rows")
    @public
    async def rows() -> Response:
        database = db()

        async def lines() -> AsyncIterator[bytes]:
            for number in range(3):
                async with database.reading() as session:
                    value = (await session.execute(text("SELECT :n + 1"), {"n": number})).scalar_one()
                yield f"{value}\n".encode()
                await asyncio.to_thread(wait_for, (settings.data_dir / "go-on").exists)
            note("streamed")

        return streamed(lines, "text/csv", "rows.csv")

    return app


def limits(settings: Settings) -> Application:
    """`/default`, `/lowered` and `/raised` read chunk by chunk; `/whole` reads at once and `/form` as a form, both
    raised.
    """
    app = create_app(settings)

    async def pieces() -> str:
        return str(sum([len(piece) async for piece in request.body]))

    async def whole() -> str:
        return str(len(await request.get_data()))

    async def form() -> str:
        fields, files = await request.form, await request.files
        return str(len(list(fields.items(multi=True))) + len(list(files.items(multi=True))))

    for name, view in (
        ("default", pieces),
        ("lowered", body_limit(100)(pieces)),
        ("raised", body_limit(5000)(pieces)),
        ("whole", body_limit(5000)(whole)),
        ("form", body_limit(1_000_000)(form)),
    ):
        app.add_url_rule(f"/{name}", name, public(view), methods=["POST"])
    return app
