"""The command: what is compared, in which order, and where the report goes."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from polcouple.analysis.gather import LEAST_FRAMES
from polcouple.analysis.runs import Run, read_run, require_frames, require_same_system
from polcouple.backends.base import backend_names
from polcouple.case.model import read_case
from polcouple.cli.options import add_engine_arguments
from polcouple.cli.settings_help import add_settings_help
from polcouple.compare import liquid, stale_charges
from polcouple.compare.making import make_runs, wanted_run
from polcouple.compare.models import Backends, Model, parse_models
from polcouple.compare.replay import FEWEST_FRAMES, replay
from polcouple.compare.replay_section import replay_section
from polcouple.errors import InputError
from polcouple.files import require_writable
from polcouple.frames.reading import read_frames
from polcouple.ipi.initialize import start_file
from polcouple.ipi.input import read_xml
from polcouple.log import log
from polcouple.propagation.plan import require_case
from polcouple.report.page import require_free, write_report
from polcouple.report.section import Section, Table

#: always replayed: the answer that needs no training
_PRIOR = "response"
#: not replayed: it is the null baseline Q/N, which is always there
_NULL = "fixed"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``polcouple compare``."""
    add_settings_help(parser)
    parser.add_argument(
        "paths",
        type=Path,
        nargs="+",
        metavar="RUN",
        help="directories of finished runs; or one case, with --steps (it is run first) or --frames",
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="for the report")
    parser.add_argument(
        "--backend",
        action="append",
        default=[],
        metavar="NAME[:KEY=VALUE,...]",
        dest="backends",
        help=f"to compare, the reference first, such as nn:model=./mine; may be repeated; one of"
        f" {', '.join(backend_names())} (those of the runs)",
    )
    parser.add_argument("--frames", type=Path, metavar="FILE", help="to replay instead of the first run's")
    parser.add_argument(
        "--fine-run",
        type=Path,
        metavar="RUN",
        help="a run of the same case with frames closer together, for charges held for a few steps",
    )
    parser.add_argument("--replay-frames", type=int, default=200, metavar="N", help="at most so many (200)")
    parser.add_argument("--skip", type=float, default=0.0, metavar="PS", help="left out of each run (0)")
    made = parser.add_argument_group("with a case: the runs to make in DIR.work/runs; finished ones are kept")
    made.add_argument("--steps", type=int, metavar="N", help="steps of i-PI to do")
    made.add_argument("--every", type=int, default=20, metavar="N", help="steps between frames (20)")
    made.add_argument("--input", default="input.xml", help="which of the case's i-PI inputs (input.xml)")
    add_engine_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Make what runs are missing, analyse, write the report."""
    _require_sense(args)
    require_free(args.output, _comparison(args))
    require_writable(args.output.parent)
    work = args.output.with_name(args.output.name + ".work")
    backends, models, runs = _subjects(args, work)
    fine = [] if args.fine_run is None else [read_run(args.fine_run)]
    if runs:
        require_same_system([*runs, *fine])
    for subject in runs if len(runs) > 1 else ():
        require_frames(subject, LEAST_FRAMES)
    sections = [_runs_section(runs)] if runs else []
    sections.append(_replay_section(args, backends, models, runs, work / "replay"))
    if len(runs) > 1:
        sections += liquid.sections(runs)
    if runs:
        sections.append(_stale_section(args, backends, [*fine, runs[0]]))
    names = ", ".join(path.resolve().name for path in args.paths)
    write_report(args.output, f"A/B validation: {names}", _comparison(args), sections)
    log(f"written to {args.output / 'report.html'}")
    return 0


def _require_sense(args: argparse.Namespace) -> None:
    """Refuse combinations of arguments that do not say what to compare, before anything is computed."""
    from_case = args.steps is not None or args.frames is not None
    if from_case and len(args.paths) != 1:
        raise InputError(f"--steps and --frames go with one case; {len(args.paths)} directories were given")
    if args.steps is not None and args.frames is not None:
        raise InputError("--steps makes frames, --frames brings them; give one of the two")
    if from_case and len(args.backends) < 2:
        raise InputError("name the backends to compare: --backend twice or more, the reference first")
    if not from_case and len(args.paths) + len(args.backends) < 2:
        raise InputError(
            f"{args.paths[0]}: nothing to compare it with; give another run, --backend, or --steps"
        )
    if args.frames is not None and args.fine_run is not None:
        raise InputError("--fine-run goes with runs; --frames has none")
    for name, value in (("steps", args.steps), ("every", args.every), ("replay-frames", args.replay_frames)):
        if value is not None and value < 1:
            raise InputError(f"--{name} {value}: give a positive number")
    if args.steps is not None and args.steps // args.every + 1 < LEAST_FRAMES:
        raise InputError(
            f"--steps {args.steps} --every {args.every} give {args.steps // args.every + 1} frames,"
            f" {LEAST_FRAMES} are needed; do more steps, or write frames more often"
        )
    if args.skip < 0:
        raise InputError(f"--skip {args.skip:g}: give a time in ps that is not negative")


def _comparison(args: argparse.Namespace) -> dict[str, Any]:
    """What is compared, for the report and to tell it from other comparisons."""
    paths = {"paths": [str(path.resolve()) for path in args.paths]}
    named = ("frames", "fine_run")
    files = {name: str(value.resolve()) if (value := getattr(args, name)) else None for name in named}
    others = ("backends", "steps", "every", "input", "skip", "replay_frames", "refresh")
    return paths | files | {name: getattr(args, name) for name in others}


def _subjects(args: argparse.Namespace, work: Path) -> tuple[Backends, list[Model], list[Run]]:
    """The backends of the system, those asked for, and the runs (none where --frames brings frames)."""
    if args.steps is not None:
        require_case(args.paths[0])
        path = args.paths[0] / args.input
        case = read_case(args.paths[0], start_file(read_xml(path), path))
        backends, models = Backends(case), parse_models(args.backends, case)
        wanted = [wanted_run(args, args.paths[0], model, work / "runs") for model in models]
        made = make_runs(wanted, args.steps, args.every)
        return backends, models, [read_run(path, args.skip) for path in made]
    if args.frames is not None:
        case = read_case(args.paths[0])
        return Backends(case), parse_models(args.backends, case), []
    runs = [read_run(path, args.skip) for path in args.paths]
    require_same_system(runs)
    case = runs[0].case
    return Backends(case), parse_models(args.backends or [run.backend for run in runs], case), runs


def _runs_section(runs: Sequence[Run]) -> Section:
    columns = ("run", "backend", "steps between refreshes", "frames", "first frame (ps)", "last frame (ps)")
    names = [run.directory.name for run in runs]
    if len(set(names)) < len(runs):
        names = [str(run.directory) for run in runs]
    rows = [
        (
            name,
            run.backend,
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
        tables=(Table("runs", columns, rows, caption),),
        numbers={str(row[0]): dict(zip(columns[1:], row[1:], strict=True)) for row in rows},
    )


def _replay_section(
    args: argparse.Namespace, backends: Backends, models: Sequence[Model], runs: Sequence[Run], store: Path
) -> Section:
    case = backends.case
    asked = [model for model in models if model.backend != _NULL]
    if not any(model.backend == _PRIOR for model in asked):
        asked += parse_models([_PRIOR], case)
    if not runs:
        count = sum(1 for _ in read_frames(args.frames, case))
        chosen = _spread(count, args.replay_frames)
        replayed = replay(
            backends, _selected(read_frames(args.frames, case), chosen), chosen, False, asked, store
        )
        return replay_section(replayed)
    run = runs[0]
    require_frames(run, FEWEST_FRAMES)
    chosen = _spread(len(run), args.replay_frames)
    positions = (frame.positions for frame in run.frames())
    times = run.steps[chosen] * run.time_step_ps
    replayed = replay(backends, _selected(positions, chosen), times, True, asked, store)
    section = replay_section(replayed)
    own = next((model.label for model in asked if model.backend == run.backend), None)
    if own is None or run.interval > 1:
        return section
    return _with_recorded(section, run, run.steps[chosen], own, replayed.charges[own])


def _stale_section(args: argparse.Namespace, backends: Backends, runs: Sequence[Run]) -> Section:
    """What held charges cost along runs; by linear response, which is nearly exact and cheap."""
    (model,) = parse_models([_PRIOR], backends.case)
    return stale_charges.section(runs, backends.of(model), model.label, args.platform, args.threads)


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
