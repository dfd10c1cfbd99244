"""The manager in this request."""

from webapp.models.people import Manager
from webapp.web.access import signed_in
from webapp.web.audit import doer


def manager() -> Manager:
    return Manager(signed_in(), doer())
