"""Responses that several views of the API give."""

from quart import Response


def empty() -> Response:
    """204: done, and there is nothing to say."""
    response = Response(status=204)
    del response.headers["Content-Type"]
    return response


def etag(version: str) -> str:
    return f'"{version}"'
