"""The baseline for the grid: Flask, Jinja and `sqlite3`, the same 100 rows from the same file.

`/` and `/row` know no user. `/private/` and `/private/row` are the same behind Flask-Login, with the user loaded through
Flask-SQLAlchemy, as Rowcast loads one for every request; GET `/login` signs in.

Served by gunicorn with one worker. Environment: PEER_DATABASE and PEER_TABLE name the database and the table, PEER_USERS
is the path of a database of users, which is created. Templates are compiled once, and the connection is kept.
"""

import os
import sqlite3
from functools import cache

from flask import Flask
from flask_login import LoginManager, UserMixin, login_required, login_user
from flask_sqlalchemy import SQLAlchemy

app = Flask(__name__)
app.secret_key = os.urandom(32)
app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{os.environ['PEER_USERS']}"
TABLE = os.environ.get("PEER_TABLE", "t1")
PAGE = app.jinja_env.from_string(
    """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{{ title }}</title></head><body><main><h1>{{ title }}</h1>
<table><thead><tr>{% for name in names %}<th scope="col">{{ name }}</th>{% endfor %}</tr></thead>
<tbody>{% for row in rows %}<tr>{% for cell in row %}<td>{{ "" if cell is none else cell }}</td>{% endfor %}</tr>
{% endfor %}</tbody></table></main></body></html>"""
)
ROW = app.jinja_env.from_string("<dl>{% for cell in row %}<dd>{{ cell }}</dd>{% endfor %}</dl>")

users = SQLAlchemy(app)
login_manager = LoginManager(app)


class User(UserMixin, users.Model):
    id = users.Column(users.Integer, primary_key=True)
    name = users.Column(users.String, nullable=False)


with app.app_context():
    users.create_all()
    if users.session.get(User, 1) is None:
        users.session.add(User(id=1, name="Reader"))
        users.session.commit()


@login_manager.user_loader
def load_user(user_id: str) -> User | None:
    return users.session.get(User, int(user_id))


@app.get("/login")
def login() -> str:
    login_user(users.session.get(User, 1))
    return "signed in"


@cache
def connection() -> sqlite3.Connection:
    """One for the worker, which answers one request at a time."""
    return sqlite3.connect(os.environ["PEER_DATABASE"])


@app.get("/")
def index() -> str:
    cursor = connection().execute(f"SELECT * FROM {TABLE} WHERE rowid > ? ORDER BY rowid LIMIT 100", (0,))
    return PAGE.render(title=TABLE, names=[column[0] for column in cursor.description], rows=cursor)


@app.get("/row")
def row() -> str:
    return ROW.render(row=connection().execute(f"SELECT * FROM {TABLE} WHERE rowid = ?", (500,)).fetchone())


app.add_url_rule("/private/", view_func=login_required(index), endpoint="private_index")
app.add_url_rule("/private/row", view_func=login_required(row), endpoint="private_row")
