"""A comparison: what is compared, in which order, and where the report goes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from polcouple.analysis.gather import LEAST_FRAMES
from polcouple.analysis.runs import Run, read_run, require_frames
from polcouple.analysis.same_system import input_differences, require_same_system
from polcouple.analysis.slab import slab_of
from polcouple.backends.setting_words import setting_word
from polcouple.case.model import read_case
from polcouple.compare import liquid
from polcouple.compare.making import make_runs, wanted_run
from polcouple.compare.models import Backends, Model, model_of_run, models_of_runs, parse_models
from polcouple.compare.replay import FEWEST_FRAMES, replay
from polcouple.compare.replay_section import replay_section
from polcouple.compare.stale_section import stale_section
from polcouple.engines.base import NATIVE
from polcouple.errors import InputError
from polcouple.files import require_writable
from polcouple.frames.reading import read_frames
from polcouple.ipi.files import files_of_input
from polcouple.ipi.initialize import start_file
from polcouple.ipi.input import read_xml, time_step_ps
from polcouple.propagation.plan import RunPlan, require_case
from polcouple.report.directory import require_free, write_report
from polcouple.report.section import Section, Table

#: always replayed: the answer that needs no training
_PRIOR = "response"
#: not replayed: it is the null baseline Q/N, which is always there
_NULL = "fixed"


@dataclass(frozen=True)
class Comparison:
    """What to compare.

    Attributes:
        paths: directories of finished runs; or one case, with ``steps`` (it is run first) or ``frames``.
        backends: as ``NAME[:KEY=VALUE,...]``, the reference first; those of the runs where there is none.
        frames: file of frames to replay instead of the first run's.
        fine_run: a run of the same case with frames closer together, for charges held for a few steps.
        replay_frames: at most so many are replayed.
        skip: ps left out of each run.
        steps: of i-PI to do with each backend; None for runs that are there.
        every: steps between the frames of these runs.
        input: which of the case's i-PI inputs they start from.
        platform: what computes forces, ``threads`` at most (None: all processors).
        refresh: evaluations between refreshes of the charges; None for system.yaml's.
    """

    paths: tuple[Path, ...]
    backends: tuple[str, ...] = ()
    frames: Path | None = None
    fine_run: Path | None = None
    replay_frames: int = 200
    skip: float = 0.0
    steps: int | None = None
    every: int = 20
    input: str = "input.xml"
    platform: str = NATIVE
    threads: int | None = None
    refresh: int | None = None

    def plan(self, model: Model) -> RunPlan:
        """How to run the case with a model."""
        return RunPlan(
            self.paths[0],
            self.input,
            model.backend,
            model.given,
            self.platform,
            self.threads,
            self.refresh,
        )


def compare_backends(asked: Comparison, output: Path) -> Path:
    """Make what runs are missing, analyse, write the report; what can be kept is in ``output``.work.

    Args:
        output: directory of the report.

    Returns:
        The report's page.

    Raises:
        InputError: there is nothing to compare, runs of different systems, or ``output`` is in use.
        PolcoupleError: a backend refuses the case, or a run fails.
    """
    _require_sense(asked)
    require_free(output, _comparison(asked))
    require_writable(output.parent)
    work = output.with_name(output.name + ".work")
    fine = [] if asked.fine_run is None else [read_run(asked.fine_run)]
    backends, models, runs = _subjects(asked, work)
    if runs:
        require_same_system([*runs, *fine])
    for subject in runs if len(runs) > 1 else ():
        require_frames(subject, LEAST_FRAMES)
    sections = [_runs_section(runs)] if runs else []
    sections.append(_replay_section(asked, backends, models, runs, work / "replay"))
    if len(runs) > 1:
        sections += liquid.sections(runs)
    if runs:
        sections.append(_stale_section(asked, backends, [*fine, runs[0]]))
    names = ", ".join(path.resolve().name for path in asked.paths)
    write_report(output, f"A/B validation: {names}", _comparison(asked), sections)
    return output / "report.html"


def _require_sense(asked: Comparison) -> None:
    """Refuse combinations of arguments that do not say what to compare, before anything is computed."""
    from_case = asked.steps is not None or asked.frames is not None
    if from_case and len(asked.paths) != 1:
        raise InputError(f"--steps and --frames go with one case; {len(asked.paths)} directories were given")
    if asked.steps is not None and asked.frames is not None:
        raise InputError("--steps makes frames, --frames brings them; give one of the two")
    places = [path.resolve() for path in asked.paths if not from_case]
    if asked.fine_run is not None:
        places.append(asked.fine_run.resolve())
    twice = [place for place in places if places.count(place) > 1]
    if twice:
        raise InputError(f"{twice[0]}: given twice; a run is not compared with itself")
    if from_case and len(asked.backends) < 2:
        raise InputError("name the backends to compare: --backend twice or more, the reference first")
    if not from_case and len(asked.paths) + len(asked.backends) < 2:
        raise InputError(
            f"{asked.paths[0]}: nothing to compare it with; give another run, --backend, or --steps"
        )
    if asked.frames is not None and asked.fine_run is not None:
        raise InputError("--fine-run goes with runs; --frames has none")
    numbers = (("steps", asked.steps), ("every", asked.every), ("replay-frames", asked.replay_frames))
    for name, value in numbers:
        if value is not None and value < 1:
            raise InputError(f"--{name} {value}: give a positive number")
    if asked.skip < 0:
        raise InputError(f"--skip {asked.skip:g}: give a time in ps that is not negative")


def _require_frames_made(asked: Comparison, time_step: float) -> None:
    """Refuse runs that would be too short to compare, before they are made.

    Args:
        time_step: of i-PI, in ps.
    """
    assert asked.steps is not None
    left = max(asked.steps // asked.every - math.ceil(asked.skip / time_step / asked.every) + 1, 0)
    if left < LEAST_FRAMES:
        raise InputError(
            f"--steps {asked.steps} --every {asked.every} --skip {asked.skip:g} give {left} frames,"
            f" {LEAST_FRAMES} are needed; do more steps, or write frames more often"
        )


def _comparison(asked: Comparison) -> dict[str, Any]:
    """What is compared, for the report and to tell it from other comparisons."""
    paths = {"paths": [str(path.resolve()) for path in asked.paths]}
    files = {"frames": asked.frames, "fine_run": asked.fine_run}
    named = {name: None if path is None else str(path.resolve()) for name, path in files.items()}
    numbers = ("steps", "every", "input", "skip", "replay_frames", "refresh")
    others = {"backends": list(asked.backends)} | {name: getattr(asked, name) for name in numbers}
    return paths | named | others


def _subjects(asked: Comparison, work: Path) -> tuple[Backends, list[Model], list[Run]]:
    """The backends of the system, those asked for, and the runs (none where --frames brings frames)."""
    if asked.steps is not None:
        require_case(asked.paths[0])
        path = asked.paths[0] / asked.input
        files_of_input(path).require_analysable()
        root = read_xml(path)
        case = read_case(asked.paths[0], start_file(root, path))
        slab_of(case)  # refuses what has no profiles
        _require_frames_made(asked, time_step_ps(root, path))
        backends, models = Backends(case), parse_models(asked.backends, case)
        wanted = [wanted_run(asked.plan(model), model.label, work / "runs") for model in models]
        made = make_runs(wanted, asked.steps, asked.every)
        return backends, models, [read_run(path, asked.skip) for path in made]
    if asked.frames is not None:
        case = read_case(asked.paths[0])
        return Backends(case), parse_models(asked.backends, case), []
    runs = [read_run(path, asked.skip) for path in asked.paths]
    require_same_system(runs)
    case = runs[0].case
    models = parse_models(asked.backends, case) if asked.backends else models_of_runs(runs, case)
    return Backends(case), models, runs


def _runs_section(runs: Sequence[Run]) -> Section:
    columns = (
        "run",
        "backend",
        "settings given",
        "steps between refreshes",
        "frames",
        "first frame (ps)",
        "last frame (ps)",
    )
    names = [run.directory.name for run in runs]
    if len(set(names)) < len(runs):
        names = [str(run.directory) for run in runs]
    words = []
    for name, run in zip(names[1:], runs[1:], strict=True):
        found = input_differences(runs[0], run)
        if found:
            words.append(f"i-PI's inputs of {names[0]} and {name} differ: {'; '.join(found)}.")
    rows = [
        (
            name,
            run.backend,
            ", ".join(setting_word(key, value) for key, value in run.made_of.given.items()),
            run.interval,
            len(run),
            float(run.steps[0] * run.time_step_ps),
            float(run.steps[-1] * run.time_step_ps),
        )
        for name, run in zip(names, runs, strict=True)
    ]
    caption = "The trajectories; times count from the start of each run, what is skipped included."
    return Section(
        "Runs",
        tuple(words),
        tables=(Table("runs", columns, rows, caption),),
        numbers={str(row[0]): dict(zip(columns[1:], row[1:], strict=True)) for row in rows},
    )


def _replay_section(
    asked: Comparison, backends: Backends, models: Sequence[Model], runs: Sequence[Run], store: Path
) -> Section:
    case = backends.case
    shown = [model for model in models if model.backend != _NULL]
    if not any(model.backend == _PRIOR for model in shown):
        shown += parse_models([_PRIOR], case)
    if asked.frames is not None:
        count = sum(1 for _ in read_frames(asked.frames, case))
        chosen = _spread(count, asked.replay_frames)
        replayed = replay(
            backends, _selected(read_frames(asked.frames, case), chosen), chosen, False, shown, store
        )
        return replay_section(replayed)
    run = runs[0]
    require_frames(run, FEWEST_FRAMES)
    chosen = _spread(len(run), asked.replay_frames)
    positions = (frame.positions for frame in run.frames())
    times = run.steps[chosen] * run.time_step_ps
    replayed = replay(backends, _selected(positions, chosen), times, True, shown, store)
    section = replay_section(replayed)
    itself = model_of_run(run).identity(case)
    own = next((model.label for model in shown if model.identity(case) == itself), None)
    if own is None or run.interval > 1:
        return section
    return _with_recorded(section, run, run.steps[chosen], own, replayed.charges[own])


def _stale_section(asked: Comparison, backends: Backends, runs: Sequence[Run]) -> Section:
    """What held charges cost along runs; by linear response, which is nearly exact and cheap."""
    (model,) = parse_models([_PRIOR], backends.case)
    return stale_section(runs, backends.of(model), model.label, asked.platform, asked.threads)


def _with_recorded(section: Section, run: Run, steps: np.ndarray, own: str, charges: np.ndarray) -> Section:
    """Adds how well the replay of the run's own backend reproduces what the run recorded."""
    recorded = dict(run.charges())
    errors = [
        float(np.abs(recorded[step] - row).max())
        for step, row in zip(steps.tolist(), charges, strict=True)
        if step in recorded
    ]
    if not errors:
        return section
    return replace(
        section,
        paragraphs=(
            *section.paragraphs,
            f"The frames are those of the run {run.directory.name}. Replayed, {own} gives the charges that"
            f" the run recorded within {max(errors):.1e} e ({len(errors)} frames).",
        ),
        numbers={**section.numbers, "recorded_charges_reproduced_within_e": max(errors)},
    )


def _spread(count: int, most: int) -> np.ndarray:
    """At most ``most`` of the numbers 0 to ``count`` - 1, evenly spread, first and last included."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))


def _selected(frames: Iterator[np.ndarray], chosen: np.ndarray) -> Iterator[np.ndarray]:
    """Those of the frames whose numbers are in ``chosen``."""
    wanted = set(chosen.tolist())
    return (positions for number, positions in enumerate(frames) if number in wanted)
