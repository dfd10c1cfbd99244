"""Durable background work: after `kill -9` the next process resumes an import."""

from webapp.jobs.context import JobContext, topic_of
from webapp.jobs.indexes import Indexes
from webapp.jobs.runner import MOVING, Jobs

__all__ = ["MOVING", "Indexes", "JobContext", "Jobs", "topic_of"]
