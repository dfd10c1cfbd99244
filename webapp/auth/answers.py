"""The response to a form that was shown or refused, and the redirect after a proof of identity."""

from typing import Any

from quart import Response, redirect, request, url_for
from quart.typing import ResponseReturnValue

from webapp.auth.forms import GuardedForm
from webapp.models import Actor
from webapp.web import pending_request
from webapp.web.fragments import redirect_to, render
from webapp.web.safe_urls import safe_next


async def answer(template: str, form: GuardedForm, **context: Any) -> Response:
    """The form's page, with the status and the time to wait."""
    response = await render(template, status=form.status, form=form, **context)
    if form.retry_after is not None:
        response.headers["Retry-After"] = str(form.retry_after)
    return response


def redirect_after_login(person: Actor) -> ResponseReturnValue:
    """`person` has confirmed their identity: resume what they asked for (a 307 repeats the POST), or show its page."""
    if (path := pending_request.verify(request.args.get("then"), person)) is not None:
        return redirect(path, 307)
    return redirect_to(safe_next(request.args.get("next"), url_for("main.dashboard")), whole=True)
