"""GET /live: one stream per page, about one thing it shows. It holds no database connection while it waits.

Features register what can be watched. The stream is of server-sent events.
"""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from quart import Response, request

from webapp.live import bp
from webapp.live.hubs import Watch, hubs
from webapp.models import Actor
from webapp.models.errors import NotFound
from webapp.web import streaming
from webapp.web.session import current_user

# Makes a watch from the actor and the arguments of the URL. Raises `NotFound`.
Factory = Callable[[Actor, Mapping[str, str]], Awaitable[Watch]]

FACTORIES: dict[str, Factory] = {}  # `GET /live?import=...` streams what the one of "import" makes


@bp.get("/live")
async def stream() -> Response:
    """`?<name>=<id>` and whatever else that view needs. Anybody who may not see it gets a 404.

    A browser that connects again says in `Last-Event-ID` what it got last; this replaces `after`.
    """
    actor, args = current_user(), request.args.to_dict()
    if last := request.headers.get("Last-Event-ID"):
        args["after"] = last
    factory = next((FACTORIES[name] for name in args if name in FACTORIES), None)
    if factory is None:
        raise NotFound
    watch = await factory(actor, args)
    return streaming.pushed(partial(hubs().stream, actor, watch))
