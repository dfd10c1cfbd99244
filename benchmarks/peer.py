"""The baseline for the grid: Flask, plain Jinja, the same 100 rows from the same file, no sign-in.

Served by `gunicorn --worker-class sync --workers 1`; PEER_DATABASE and PEER_TABLE name the database and the table.
"""

import os
import sqlite3

from flask import Flask, g, render_template_string

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{{ title }}</title></head><body><main><h1>{{ title }}</h1>
<table><thead><tr>{% for name in names %}<th scope="col">{{ name }}</th>{% endfor %}</tr></thead>
<tbody>{% for row in rows %}<tr>{% for cell in row %}<td>{{ "" if cell is none else cell }}</td>{% endfor %}</tr>
{% endfor %}</tbody></table></main></body></html>"""

app = Flask(__name__)
TABLE = os.environ.get("PEER_TABLE", "t1")


def database() -> sqlite3.Connection:
    if "database" not in g:
        g.database = sqlite3.connect(os.environ["PEER_DATABASE"])
    return g.database


@app.teardown_appcontext
def close(_error: BaseException | None) -> None:
    if connection := g.pop("database", None):
        connection.close()


@app.get("/")
def index() -> str:
    cursor = database().execute(f"SELECT rowid, * FROM {TABLE} WHERE rowid > ? ORDER BY rowid LIMIT 100", (0,))
    return render_template_string(PAGE, title=TABLE, names=[column[0] for column in cursor.description], rows=cursor)


@app.get("/row")
def row() -> str:
    found = database().execute(f"SELECT rowid, * FROM {TABLE} WHERE rowid = ?", (500,)).fetchone()
    return render_template_string("<dl>{% for cell in row %}<dd>{{ cell }}</dd>{% endfor %}</dl>", row=found)
