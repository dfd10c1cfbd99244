"""The durable workflows, one line each. DBOS restarts one whose process has died.

A workflow takes only ids and calls a verb that can be repeated; its progress is in our own database (the import's
state, its cursor), not in the engine's. Its id is the import's id, then what it does, then a number, because an import
can be read again with other settings.
"""

from dbos import DBOS

from webapp.jobs.bridge import bridge

# DBOS gives up a workflow after this many starts, whether the server crashed or was stopped. The next start of the
# server begins a new one for the remaining work (housekeeping.py).
ATTEMPTS = 20


@DBOS.workflow(name="inspect_import", max_recovery_attempts=ATTEMPTS)
def inspect_import(import_id: str) -> None:
    bridge.perform("inspect_import", import_id)


@DBOS.workflow(name="load_import", max_recovery_attempts=ATTEMPTS)
def load_import(import_id: str) -> None:
    bridge.perform("load_import", import_id)


@DBOS.workflow(name="index_table", max_recovery_attempts=ATTEMPTS)
def index_table(table_id: str) -> None:
    bridge.perform("index_table", table_id)


@DBOS.workflow(name="send_mail", max_recovery_attempts=ATTEMPTS)
def send_mail(mail_id: str) -> None:
    bridge.perform("send_mail", mail_id)
