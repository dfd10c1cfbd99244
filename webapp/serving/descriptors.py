"""The limit of open files of this process, and how many connections it leaves room for."""

import resource
from dataclasses import dataclass

from settings import Settings

MAX_DESCRIPTORS = 65_536  # some systems allow a thousand million, and programs that close them all take minutes
MAX_CONNECTIONS = 4096  # by default


@dataclass(frozen=True)
class ConnectionLimits:
    total: int
    per_address: int


def raise_limit() -> int:
    """Raise the soft limit of descriptors to the hard one, as every program may. Return what it is then."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MAX_DESCRIPTORS)
    if soft == resource.RLIM_INFINITY:
        return MAX_DESCRIPTORS
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return max(soft, wanted)


def connection_limits(settings: Settings, descriptors: int) -> ConnectionLimits:
    """By default half of the descriptors, because each request may have a file open. Behind trusted proxies all
    connections come from few addresses, whose number of connections is theirs to limit.
    """
    total = settings.max_connections or min(descriptors // 2, MAX_CONNECTIONS)
    per_address = settings.connections_per_address or max(1, total // 4)
    return ConnectionLimits(total, total if settings.trusted_proxies else per_address)
