"""What runs in the background for whoever reads a page: the header says how much, and leads to the page with a list."""

from collections.abc import Callable
from dataclasses import dataclass

from webapp.extensions import Extension
from webapp.models import Actor


@dataclass(slots=True)
class RunningWork:
    """Set by the feature that has such work; `endpoint` is that of the page. Every page counts: `count` is fast."""

    endpoint: str = ""
    count: Callable[[Actor], int] = lambda actor: 0


running_work: Extension[RunningWork] = Extension("running_work", lambda app: RunningWork())
