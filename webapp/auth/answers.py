"""The answer to a form that was shown or refused: its page, with the status and the time to wait."""

from typing import Any

from quart import Response

from webapp.auth.forms import GuardedForm
from webapp.web.fragments import render


async def answer(template: str, form: GuardedForm, **context: Any) -> Response:
    response = await render(template, status=form.status, form=form, **context)
    if form.retry_after is not None:
        response.headers["Retry-After"] = str(form.retry_after)
    return response
