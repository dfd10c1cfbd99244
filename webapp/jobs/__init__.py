"""Durable background work: an import goes on after `kill -9`, in whichever process is there to do it."""

from webapp.jobs.indexes import Indexes
from webapp.jobs.runner import MOVING, Jobs
from webapp.jobs.workshop import Workshop, topic_of

__all__ = ["MOVING", "Indexes", "Jobs", "Workshop", "topic_of"]
