"""One of several runs of an electrode that moves, each at a Fermi level or charge of its own."""

from __future__ import annotations

import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from polcouple.data.moving_rows import LabelSet
from polcouple.dftb.moving.ensemble import Ensemble
from polcouple.propagation.guard import at_work
from polcouple.propagation.plan import RunPlan
from polcouple.propagation.progress import Progress
from polcouple.propagation.propagate import Display, Propagation, finished, propagation, step_reached
from polcouple.simulation.directory import begin, examine, has_steps, take_up

#: what a user may do where a run that is there was made of something else
CURE = "or name another dataset and --run-directory"
#: between two looks at what a worker that died has left at work (s)
_POLL = 1.0


@dataclass(frozen=True)
class LevelRun:
    """A run that holds ``held``: by ``plan`` in ``directory``; ``number`` counts the runs."""

    held: Ensemble
    labels: LabelSet
    plan: RunPlan
    directory: Path
    number: int

    def edit(self, root: ElementTree.Element) -> None:
        """Random numbers of its own."""
        seed = root.find("prng/seed")
        if seed is not None and (seed.text or "").strip().isdigit():
            seed.text = str(int(seed.text or 0) + self.number)


def started(
    run: LevelRun,
    steps: int,
    words: list[str],
    show: Callable[[Path, ElementTree.Element, int, int], Display] = Progress,
) -> Propagation:
    """The run, begun or gone on with, to be followed.

    Args:
        steps: of i-PI, those done before included.
        words: more options of polcouple-driver.
        show: makes what shows the progress, see :func:`polcouple.propagation.propagate.propagation`.
    """
    if has_steps(run.directory):
        take_up(run.directory, examine(run.plan, run.directory, CURE, run.edit))
    else:
        begin(run.plan, run.directory, run.edit)
    return propagation(
        run.directory, steps, run.plan.driver_words() + words, show=show, say=lambda line: None
    )


def carried_out(steps: int, words: list[str], run: LevelRun) -> int:
    """The whole run, in a worker of a cluster; the step that it reached.

    Where a worker died with it, its programs may be at work still: they are waited for.
    """
    while at_work(run.directory):
        time.sleep(_POLL)
    reached = step_reached(run.directory) if has_steps(run.directory) else 0
    return reached if reached >= steps else finished(started(run, steps, words))
