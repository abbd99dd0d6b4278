"""Tasks that share threads: compiled loops that release the GIL."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any


def available_threads() -> int:
    """OMP_NUM_THREADS, or else the processors available."""
    requested = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
    if requested.isdigit() and int(requested) > 0:
        return int(requested)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def _pool(threads: int, process: int) -> ThreadPoolExecutor:
    """One pool per process: threads do not survive a fork."""
    return ThreadPoolExecutor(threads, thread_name_prefix="electrostatics")


def run_tasks(threads: int, tasks: Sequence[tuple[Any, ...]]) -> list[Any]:
    """Results of the tasks (function, *arguments) in their order."""
    if threads == 1:
        return [function(*arguments) for function, *arguments in tasks]
    futures = [_pool(threads, os.getpid()).submit(*task) for task in tasks]
    return [future.result() for future in futures]
