"""GET /live: one stream per page, about one thing it shows. It holds no database connection while it waits.

Features register what can be watched. The stream is of server-sent events.
"""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import cast

from quart import Response, request
from quart.blueprints import BlueprintSetupState

from webapp.live import bp
from webapp.live.hubs import Watch, hubs
from webapp.models import Actor
from webapp.models.errors import NotFound
from webapp.web import streaming
from webapp.web.application import Application
from webapp.web.session import current_user
from webapp.web.turns import Turns

# Makes a watch from the actor and the arguments of the URL. Raises `NotFound`.
Factory = Callable[[Actor, Mapping[str, str]], Awaitable[Watch]]

FACTORIES: dict[str, Factory] = {}  # `GET /live?import=...` streams what the one of "import" makes

PATH = "/live"
AT_ONCE = 4  # streams that are being opened, enough for the event loop and the readers of the database to be busy


@bp.record_once
def take_turns(state: BlueprintSetupState) -> None:
    cast(Application, state.app).turns[PATH] = Turns(AT_ONCE)


@bp.get(PATH)
async def stream() -> Response:
    """`?<name>=<id>` and whatever else that view needs. Anybody who may not see it gets a 404.

    A browser that connects again says in `Last-Event-ID` what it got last; this replaces `after`.
    """
    return await push(request.args.to_dict())


async def push(args: dict[str, str]) -> Response:
    """The stream that `args` ask for, for whoever makes this request."""
    actor = current_user()
    if last := request.headers.get("Last-Event-ID"):
        args["after"] = last
    factory = next((FACTORIES[name] for name in args if name in FACTORIES), None)
    if factory is None:
        raise NotFound
    watch = await factory(actor, args)
    return streaming.pushed(partial(hubs().stream, actor, watch))
