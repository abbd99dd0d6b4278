"""Independent tasks in local processes or, given a scheduler's address, on any Dask cluster."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from typing import Any, TypeVar

from polcouple.errors import InputError

#: a task whose worker died this often is given up
_ATTEMPTS = 2
_TASKS_PER_WORKER = 2
_TASKS_ON_CLUSTER = 256

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")


def results(
    function: Callable[[_Task], _Result],
    tasks: Sequence[_Task],
    new_executor: Callable[[], Executor],
    in_flight: int,
) -> Iterator[tuple[_Task, _Result | None]]:
    """Results as they come, None for a task whose worker died twice.

    A pool that lost a worker is replaced, and what was running then is tried once more, when all others are
    done and one task at a time, so that only the one at fault is given up. A Dask cluster goes on without the
    worker and tries its tasks elsewhere, several times before it blames one, which is then tried so, too.

    Args:
        function: of a task; it can be sent to another process, as the tasks can.
        new_executor, in_flight: as :func:`executors` gives them.
    """
    waiting = list(reversed(tasks))
    deaths: dict[int, int] = {}
    executor = new_executor()
    running: dict[Future[_Result], _Task] = {}
    try:
        while waiting or running:
            while waiting and len(running) < (1 if id(waiting[-1]) in deaths else in_flight):
                try:
                    future = executor.submit(function, waiting[-1])
                except BrokenExecutor:  # a worker died since the last look
                    if running:  # which tells of it below
                        break
                    executor = new_executor()
                else:
                    running[future] = waiting.pop()
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            suspects, broken = [], False
            for future in finished:
                task = running.pop(future)
                error = future.exception()
                if error is None:
                    yield task, future.result()
                elif isinstance(error, BrokenExecutor) or type(error).__name__ == "KilledWorker":
                    suspects.append(task)
                    broken = broken or isinstance(error, BrokenExecutor)
                else:
                    raise error
            if broken:
                suspects.extend(running.values())
                _stop(executor, running)
                running.clear()
                executor = new_executor()
            for task in suspects:
                deaths[id(task)] = deaths.get(id(task), 0) + 1
                if deaths[id(task)] < _ATTEMPTS:
                    waiting.insert(0, task)
                else:
                    yield task, None
    finally:
        _stop(executor, running)


def _stop(executor: Executor, running: Iterable[Future[Any]]) -> None:
    """Give up what is running; Dask's executor knows no ``cancel_futures``."""
    for future in running:
        future.cancel()
    executor.shutdown(wait=False)


@contextmanager
def executors(workers: int, scheduler: str | None) -> Iterator[tuple[Callable[[], Executor], int]]:
    """A maker of executors, and how many tasks to keep in flight."""
    if scheduler is not None:
        try:
            from distributed import Client
        except ImportError:
            raise InputError("--scheduler needs Dask: pip install 'polcouple[cluster]'") from None
        try:
            client = Client(scheduler, timeout=30)
        except OSError as error:
            raise InputError(f"no Dask scheduler at {scheduler} ({str(error).splitlines()[0]})") from None
        with client:
            # not pure: the same task may be handed over again, and is not to find its first answer
            yield lambda: client.get_executor(pure=False), _TASKS_ON_CLUSTER
        return
    before = {name: os.environ.get(name) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    os.environ.update(dict.fromkeys(before, "1"))
    context = multiprocessing.get_context("spawn")
    try:
        yield lambda: ProcessPoolExecutor(workers, mp_context=context), _TASKS_PER_WORKER * workers
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value
