"""What a process that reads a stranger's file grants itself: memory, processor time that fits the file, its parent's
life.
"""

import ctypes
import os
import resource
import signal

MAX_MEMORY = 3 * 1024**3  # bytes of address space, whatever the file holds; ordinary ones take a tenth of it
BASE_SECONDS = 30  # of processor time for any file: starting takes a fifth of a second
SECONDS_PER_MB = 10  # tens of times what ordinary files take
_MB = 1_000_000
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def given_up(file: str, advice: str) -> str:
    """Why reading such a file ended, for its sender, and what to do."""
    return f"This {file} took far more processor time than a file of its size should, so it was given up. {advice}"


def cpu_seconds(size: int) -> int:
    """The processor time that a file of `size` bytes may take per pass."""
    return BASE_SECONDS + SECONDS_PER_MB * size // _MB


def limit_cpu(seconds: int) -> None:
    """End this process with SIGXCPU once it has used `seconds` of processor time in all.

    The kernel does it: native code could not be interrupted by a thread or by a signal handler in Python.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    seconds = seconds if hard == resource.RLIM_INFINITY else min(seconds, hard)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, hard))


def limit_memory(size: int) -> None:
    """Let no more than `size` bytes of address space be had: beyond, Python raises MemoryError."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    size = size if hard == resource.RLIM_INFINITY else min(size, hard)
    resource.setrlimit(resource.RLIMIT_AS, (size, size))


def end_with(parent: int) -> None:
    """End when `parent`, the process that started this one, ends, however it does. On Linux only.

    The kernel does it, because native code may hold the interpreter for minutes.
    """
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it has ended before the kernel was asked
        os._exit(1)
