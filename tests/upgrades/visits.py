"""Who comes to an upgraded installation: people with a browser, programs with a token."""

import hashlib
from typing import Any

from webapp.web.application import Application


class Visit:
    """One person's browser, or a program with a token."""

    def __init__(self, app: Application, token: str = "") -> None:
        self._client: Any = app.test_client()
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    async def get(self, path: str, status: int = 200) -> bytes:
        answer = await self._client.get(path, headers=self._headers)
        content: bytes = await answer.get_data(as_text=False)
        assert answer.status_code == status, (path, content)
        return content

    async def sha256(self, path: str) -> str:
        return hashlib.sha256(await self.get(path)).hexdigest()

    async def post(self, path: str, status: int = 303, **form: str) -> Any:
        answer = await self._client.post(path, form=form)
        assert answer.status_code == status, await answer.get_data(as_text=True)
        return answer

    async def status(self, path: str) -> int:
        """Of the answer to a form that has no fields."""
        return int((await self._client.post(path)).status_code)

    async def call(self, path: str, method: str = "GET", **body: Any) -> Any:
        given: dict[str, Any] = {"json": body} if body else {}
        answer = await self._client.open(f"/api/v1{path}", method=method, headers=self._headers, **given)
        found = await answer.get_json()
        assert answer.status_code < 300, found
        return found


async def signed_in(app: Application, email: str, recorded: dict[str, Any]) -> Visit:
    visit = Visit(app)
    await visit.post("/login", email=email, password=recorded["password"])
    return visit


def export(table_id: int | str, kind: str = "csv") -> str:
    return f"/api/v1/tables/{table_id}/export?format={kind}"
