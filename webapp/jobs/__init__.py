"""Durable background work: after `kill -9` the next process resumes an import."""

from webapp.jobs.indexes import Indexes
from webapp.jobs.runner import MOVING, Jobs
from webapp.jobs.workshop import Workshop, topic_of

__all__ = ["MOVING", "Indexes", "Jobs", "Workshop", "topic_of"]
