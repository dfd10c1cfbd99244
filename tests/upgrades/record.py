"""Makes an installation with the program of a release and writes down what is in it, for `tests/upgrades`.

It needs nothing but that program and httpx, and asks it over HTTP as people and programs do:

    git archive TAG | tar x -C /tmp/release
    cd /tmp/release && PYTHONPATH=. python .../tests/upgrades/record.py .../tests/upgrades/release

writes `release.sql.xz`, the database and the files of the data folder as SQL; `release.json`, who can sign in with
what, and the hashes of what the server sent; and `release.backup` and `release.tables`, the archives that the program
makes of it. (What is there now was written by version 0.1 before PostgreSQL, at revision 0028. That had no archives:
the backup was made at the same revision, and the tables at 0029, by the first programs that could.)
"""

import re
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from recording import FORMATS, PASSWORD, People, Program, many, odd, save, sha256


def main(target: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        with closing(Program(data)) as program:
            found = Recorder(program).record()
        save(target, data, found)
        program.run("db", "backup", "--force", str(target.with_suffix(".backup").absolute()))
        program.run("table", "export-all", "--force", str(target.with_suffix(".tables").absolute()))


class Recorder(People):
    def record(self) -> dict[str, Any]:
        self.found |= {"exports": {}, "histories": {}, "token": self.token(self.ada)}
        self._api = self.program_of(self.found["token"])
        self._import("odd.csv", odd())
        self._import("many.csv", many())
        self._import("gone.csv", b"A,B\n1,2\n3,4\n")
        self._share()
        self._edit()
        self._change_many()
        self._import_again()
        self._trash()
        for table_id in (1, 2):
            self.found["exports"][str(table_id)] = {kind: self._export(table_id, kind) for kind in FORMATS}
            self.found["exports"][str(table_id)]["original"] = sha256(
                self.ada.get(f"/tables/{table_id}/original").content
            )
            changes = self._call("GET", f"/tables/{table_id}/changes?after=0")["items"]
            self.found["histories"][str(table_id)] = [[one["seq"], one["kind"], one["by"]["name"]] for one in changes]
        return self.found

    def _import(self, name: str, content: bytes, table: str = "", **more: str) -> None:
        parameters = {"filename": name, "start": "true", **more}
        headers = {"Content-Type": "text/csv"}
        answer = self._api.post(f"{table}/imports", params=parameters, content=content, headers=headers)
        answer.raise_for_status()
        deadline = time.monotonic() + 60
        while (found := self._call("GET", f"/imports/{answer.json()['id']}"))["state"] != "done":
            assert time.monotonic() < deadline, found
            time.sleep(0.2)

    def _share(self) -> None:
        people = {one["email"]: one["id"] for one in self._call("GET", "/users")["items"]}
        self._call("POST", "/tables/1/members", user_id=people["eve@example.org"], role="editor")
        self._call("POST", "/tables/1/members", user_id=people["gus@example.org"], role="viewer")
        view = self._call("POST", "/tables/2/views", name="Large ones", state="f.1=ge%3A1000&sort=-1", is_shared=True)
        self._call("POST", "/tables/1/views", name="Mine", state="q=zo&cols=1-3")
        link = self._call("POST", "/tables/1/links", name="Press", state="cols=1-4", password=None)
        part = self._call("POST", "/tables/2/links", name="Partner", view_id=view["id"])
        secret = self._call("POST", "/tables/1/links", name="Secret", state="", password=PASSWORD)
        self.found["links"] = {name: path(one) for name, one in (("open", link), ("view", part), ("secret", secret))}
        form = self._call("POST", "/tables/2/forms", name="Report", intro="What did you see?")
        self._call("PATCH", f"/tables/2/forms/{form['id']}", is_on=True)
        self.found["form"] = path(form)
        stranger = self.browser()
        hidden = dict(re.findall(r'name="(seen|idempotency_key)" value="([\w-]+)"', stranger.get(path(form)).text))
        self.send(stranger, path(form), cell1="5000", cell2="0.5", cell3="by a form", **hidden)
        hook = self._call("POST", "/tables/1/webhooks", name="Stock", url="https://hooks.example.org/", events=[])
        self._call("PATCH", f"/tables/1/webhooks/{hook['id']}", is_on=False)

    def _edit(self) -> None:
        """Somebody else's edit, one that is undone, and one that is there and can be undone."""
        eve = self.browser()
        self.send(eve, "/login", email="eve@example.org", password=PASSWORD)
        change = {"rows": [{"id": 1, "cells": {"Name": "Zoé"}}]}
        self.program_of(self.token(eve)).patch("/tables/1/rows", json=change).raise_for_status()
        self._call("POST", "/tables/1/columns", title="Checked", type="boolean")
        self._call("PATCH", "/tables/1/rows", rows=[{"id": 2, "cells": {"Name": "Uni", "Amount": 12}}])
        self.send(self.ada, "/tables/1/undo")
        self.found["undone"] = [self._export(1, "csv")]
        self._call("PATCH", "/tables/1/rows", rows=[{"id": 1, "cells": {"Day": "2027-08-09", "Checked": True}}])

    def _change_many(self) -> None:
        self.found["before_large_change"] = self._export(2, "csv")
        form = {"column": "3", "find": "row", "replacement": "line", "match_case": "y"}
        answer = self.send(self.ada, "/tables/2/bulk/replace?rows=all", 303, confirm="1", **form)
        page = answer.headers["Location"]
        self._until(page, "start")
        before = self._call("GET", "/tables/2")["seq"]
        self.send(self.ada, f"{page}/start")
        self.found["large_change"] = self._until_changed(2, before)

    def _import_again(self) -> None:
        rows = b"Number,Half,Text\n5,99.5,row five\n9999,1.5,new\n"
        self._import("many.csv", rows, "/tables/2", mode="update", key="Number")

    def _trash(self) -> None:
        self._call("DELETE", "/tables/2/rows", rows=[{"id": 7}, {"id": 8}])
        self.found["undone"].insert(0, self._export(1, "csv"))  # what each further undo of Ada's leads to
        self._call("DELETE", "/tables/1/columns/7")
        self.found["in_the_trash"] = self._export(3, "csv")
        self._call("DELETE", "/tables/3")

    def _export(self, table_id: int, kind: str) -> str:
        answer = self._api.get(f"/tables/{table_id}/export", params={"format": kind})
        return sha256(answer.raise_for_status().content)

    def _until(self, page: str, word: str) -> None:
        deadline = time.monotonic() + 60
        while f"{page}/{word}" not in self.ada.get(page).text:
            assert time.monotonic() < deadline, page
            time.sleep(0.2)

    def _until_changed(self, table_id: int, seq: int) -> int:
        deadline = time.monotonic() + 60
        while (found := self._call("GET", f"/tables/{table_id}"))["seq"] == seq:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        return int(found["seq"])

    def _call(self, method: str, address: str, **body: Any) -> Any:
        answer = self._api.request(method, address, json=body or None)
        assert answer.is_success, (address, answer.text)
        return answer.json() if answer.content else None


def path(made: Any) -> str:
    return "/" + made["address"].split("/", 3)[3]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
