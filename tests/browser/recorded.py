"""All that a page is sent: the body and the headers of each answer, and each message of its streams."""

from collections.abc import Collection

from playwright.sync_api import Page, Request

STREAM = "text/event-stream"


class Recorded:
    """What came, from now on. `told` has the names of the streams' messages."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.told: list[str] = []
        self._texts: list[tuple[str, str]] = []  # where from, what
        page.on("requestfinished", self._answered)
        tools = page.context.new_cdp_session(page)
        tools.send("Network.enable")
        tools.on("Network.eventSourceMessageReceived", lambda event: self._told(event["eventName"], event["data"]))

    def found(self, words: Collection[str]) -> list[tuple[str, str]]:
        """Where one of the words is, whatever its case; also in the page as it is now."""
        texts = [*self._texts, ("the page", self.page.content())]
        return [(place, word) for place, text in texts for word in words if word.casefold() in text.casefold()]

    def count(self, place: str) -> int:
        """The answers to addresses that contain this."""
        return sum(place in where for where, _ in self._texts)

    def _told(self, name: str, data: str) -> None:
        self.told.append(name)
        self._texts.append((f"{STREAM} {name}", data))

    def _answered(self, request: Request) -> None:
        response = request.response()
        assert response
        self._texts.append((response.url, str(response.headers)))
        if not response.headers.get("content-type", "").startswith(STREAM) and not 300 <= response.status < 400:
            self._texts.append((response.url, response.body().decode(errors="replace")))
