"""Durable background work: after `kill -9` the next process resumes an import."""

from webapp.jobs.context import JobContext
from webapp.jobs.indexes import SortIndexes
from webapp.jobs.queue import DurableQueue

__all__ = ["DurableQueue", "JobContext", "SortIndexes"]
