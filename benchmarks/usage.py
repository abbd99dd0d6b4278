"""What a command and the processes that it starts take: processor time, time by the clock, memory (Linux).

What the kernel tells of memory at a process's end (ru_maxrss) counts that of the one that started it, too, so
that /proc is looked at while they are at work.
"""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_LOOK_EVERY_S = 0.1


@dataclass(frozen=True)
class Mark:
    """When a step was first seen: seconds of processor time of all processes, and by the clock."""

    step: int
    processor: float
    clock: float


@dataclass(frozen=True)
class Usage:
    """Of a command that ended well.

    Attributes:
        processor: seconds, of all its processes.
        mib: peak of each process, or of the larger one of those with the same words.
        marks: one for each step that was seen.
    """

    processor: float
    mib: Mapping[tuple[str, ...], float]
    marks: tuple[Mark, ...]


def usage_of(
    words: Sequence[str],
    directory: Path,
    environment: Mapping[str, str],
    step: Callable[[], int | None] = lambda: None,
) -> Usage:
    """Run a command in ``directory``; what it prints goes to output.txt there.

    Args:
        step: tells the step that it has reached, None before the first.

    Raises:
        RuntimeError: it failed; its last words are in the message.
    """
    with (directory / "output.txt").open("w") as output:
        process = subprocess.Popen(
            words, cwd=directory, env=dict(environment), stdout=output, stderr=subprocess.STDOUT
        )
        with _Watch(process.pid, step) as watch:
            _, status, usage = os.wait4(process.pid, 0)
    if status:
        told = (directory / "output.txt").read_text()[-2000:]
        raise RuntimeError(f"{' '.join(words)}: failed\n{told}")
    return Usage(usage.ru_utime + usage.ru_stime, watch.mib, tuple(watch.marks))


class _Watch:
    """Looks at a process and those that it starts, in a thread, until the context ends."""

    def __init__(self, process: int, step: Callable[[], int | None]) -> None:
        self.mib, self.marks = dict[tuple[str, ...], float](), list[Mark]()
        self._root, self._step, self._start = process, step, time.perf_counter()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> _Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(_LOOK_EVERY_S):
            processes = tree(self._root)
            for process in processes:
                words = _words(process)
                self.mib[words] = max(self.mib.get(words, 0.0), _peak_mib(process))
            step = self._step()
            if step is not None and (not self.marks or step > self.marks[-1].step):
                spent, clock = sum(map(seconds_of, processes)), time.perf_counter() - self._start
                self.marks.append(Mark(step, spent, clock))


def tree(process: int) -> list[int]:
    """A process and those that it has started, and they."""
    found = [process]
    for path in Path(f"/proc/{process}/task").glob("*/children"):
        try:
            children = path.read_text().split()
        except OSError:
            continue
        found += [one for child in children for one in tree(int(child))]
    return found


def _words(process: int) -> tuple[str, ...]:
    """The command that it is."""
    try:
        return tuple(Path(f"/proc/{process}/cmdline").read_text().split("\0"))
    except OSError:
        return ()


def _peak_mib(process: int) -> float:
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)


def seconds_of(process: int) -> float:
    """Processor time of a process and of its children that have ended."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
