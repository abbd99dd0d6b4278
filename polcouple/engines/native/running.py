"""Tasks of an engine, on as many threads as it has."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol


class Answer(Protocol):
    """What a task gives, when it is done."""

    def result(self) -> Any: ...


@dataclass(frozen=True)
class _Done:
    """Of a task that is done; a future costs more than many a task."""

    value: Any

    def result(self) -> Any:
        return self.value


class Tasks:
    """Runs tasks (function, *arguments).

    Args:
        threads: at most; with one a task is done where it is started.
    """

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="forces") if threads > 1 else None

    def start(self, tasks: Sequence[tuple[Any, ...]]) -> Sequence[Answer]:
        """The tasks under way, in their order."""
        if self._pool is not None:
            return [self._pool.submit(*task) for task in tasks]
        done: list[Answer] = []
        for function, *arguments in tasks:
            done.append(_Done(function(*arguments)))
        return done

    def run(self, tasks: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Results of the tasks in their order."""
        return [one.result() for one in self.start(tasks)]
