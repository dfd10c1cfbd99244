"""Durable background work: an import goes on after `kill -9`, in whichever process is there to do it."""

from webapp.jobs.indexes import Indexes
from webapp.jobs.runner import MOVING, Jobs, topic_of

__all__ = ["MOVING", "Indexes", "Jobs", "topic_of"]
