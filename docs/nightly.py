"""An example of a nightly program: uploads a file, updates 10,000 rows by key, follows what others change, exports.

    ROWCAST_SERVER=https://rows.example.org ROWCAST_TOKEN=rowcast_... python nightly.py

It prints the table's id once the rows are there, waits for one change by somebody else, and compares the export with
what it knows. Needs Python 3.11 or newer and httpx.
"""

import csv
import io
import json
import os
import tempfile
import time
import uuid
from pathlib import Path

import httpx

ROWS = 10_000  # as many as one request may have


def write(client: httpx.Client, method: str, path: str, body: dict) -> dict:
    """Sent again after a lost answer, the same key does nothing twice."""
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    for is_last in (False, True):
        try:
            answer = client.request(method, path, json=body, headers=headers)
            break
        except httpx.TransportError:
            if is_last:
                raise
    if answer.is_error:
        raise SystemExit(answer.json()["detail"])
    return answer.json()


def upload(client: httpx.Client, table: str, file: Path) -> dict:
    """Add the rows of a file to the table: without a look at what was found in it, or at what it will change."""
    parameters = {"filename": file.name, "mode": "append", "start": "true"}
    with file.open("rb") as content:
        headers = {"Content-Type": "text/csv", "Idempotency-Key": str(uuid.uuid4())}
        answer = client.post(f"{table}/imports", params=parameters, content=content, headers=headers)
    while not answer.is_error:
        found = answer.json()
        if found["state"] in ("done", "ready", "failed", "cancelled"):
            break
        time.sleep(0.5)
        answer = client.get(f"/imports/{found['id']}")
    if answer.is_error or found["state"] != "done":
        raise SystemExit(answer.json()["detail"] if answer.is_error else found["failure"])
    return found


def next_change(client: httpx.Client, table: str, after: int) -> dict:
    """The first change after this one; the stream goes on as changes are made."""
    headers = {"Accept": "text/event-stream", "Last-Event-ID": str(after)}
    while True:  # the server ends a stream now and then
        with client.stream("GET", f"{table}/changes", headers=headers) as answer:
            answer.raise_for_status()
            for line in answer.iter_lines():
                if line.startswith("data: {"):
                    return json.loads(line.removeprefix("data: "))


def main() -> None:
    headers = {"Authorization": f"Bearer {os.environ['ROWCAST_TOKEN']}"}
    base = os.environ["ROWCAST_SERVER"].rstrip("/") + "/api/v1"
    with httpx.Client(base_url=base, headers=headers, timeout=120) as client:
        columns = [{"title": "Item", "type": "integer"}, {"title": "Stock", "type": "integer"}]
        table = f"/tables/{write(client, 'POST', '/tables', {'title': 'Stock', 'columns': columns})['id']}"
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "stock.csv"
            file.write_text("Item,Stock\n" + "".join(f"{item},0\n" for item in range(0, ROWS, 2)))
            upload(client, table, file)

        stock = {item: item % 97 for item in range(ROWS)}  # half of them are there, half are new
        rows = [{"cells": {"Item": item, "Stock": count}} for item, count in stock.items()]
        write(client, "PUT", f"{table}/rows", {"key": ["Item"], "rows": rows})
        seq = client.get(table).json()["seq"]
        print(table.rpartition("/")[2], flush=True)

        change = next_change(client, table, seq)
        for cell in change["cells"]:
            row = client.get(f"{table}/rows/{cell['row']}").json()["cells"]
            stock[row["Item"]] = row["Stock"]

        exported = client.get(f"{table}/export", params={"format": "csv"}).raise_for_status().text
        found = {int(row["Item"]): int(row["Stock"]) for row in csv.DictReader(io.StringIO(exported))}
        print("equal" if found == stock else "different", "after a change by", change["by"]["name"])
        raise SystemExit(found != stock)


if __name__ == "__main__":
    main()
