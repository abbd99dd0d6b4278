"""Growth to a hundred thousand atoms: preparation, a step and memory, beside LAMMPS ELECTRODE.

    python -m benchmarks.large [--ways response nn lammps] [--most 16] [--figure docs/figures/growth.png]
    python -m benchmarks.large --case ipi_inputs/graphene_capacitor --ways response --repeat 7 4

The reference system is repeated in the plane. Every measurement is kept in benchmarks/growth.json when it is
done; a repeated call does the rest. Of `polcouple run`, i-PI and driver together, with one thread: a run with
an empty cache, and with `response` a short one that finds what the first prepared. No net was trained for
such sheets: ``benchmarks.large_net`` makes one of the shipped net's size. LAMMPS: the inverted matrix of its
ELECTRODE package, one rank, accuracy 1e-4.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import lammps_electrode
from benchmarks.engine_growth import repeated
from benchmarks.large_figure import draw
from benchmarks.large_net import write_net
from benchmarks.results import Load, load, store
from benchmarks.usage import Usage, usage_of
from polcouple.case.model import read_case
from polcouple.propagation.progress import Properties

_ROOT = Path(__file__).resolve().parent.parent
_CASE = _ROOT / "ipi_inputs" / "graphene_nacl"
_FILE = Path(__file__).parent / "growth.json"
_REPEATS = ((1, 1), (2, 1), (2, 2), (4, 2), (4, 4))
_SHORT_STEPS = 20
_LAMMPS_ACCURACY, _LAMMPS_STEPS = 1e-4, 20
#: what a run without a model of its own is given
_NO_SETTINGS: Mapping[str, str] = {}


def main() -> None:
    """Measure what is missing, print the table, draw the figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", type=Path, default=_CASE)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--most", type=int, default=16, help="times the case, at most")
    parser.add_argument(
        "--repeat", type=int, nargs=2, metavar="N", help="one size alone, times along a and b"
    )
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--results", type=Path, default=_FILE)
    parser.add_argument("--figure", type=Path)
    args = parser.parse_args()
    if args.steps < _SHORT_STEPS:
        parser.error(f"--steps {args.steps}: at least {_SHORT_STEPS}")
    repeats = [repeat for repeat in _REPEATS if repeat[0] * repeat[1] <= args.most]
    if args.repeat:
        repeats = [(args.repeat[0], args.repeat[1])]
    wanted = [(way, repeat) for repeat in repeats for way in args.ways]
    done = load(args.results)
    missing = [pair for pair in wanted if _name(*pair, args.case) not in done]
    if missing:
        with tempfile.TemporaryDirectory() as scratch:  # what is compiled once is no part of a preparation
            write_case(args.case, 1, 1, Path(scratch) / "case")
            _run(Path(scratch) / "case", "response", _NO_SETTINGS, _SHORT_STEPS)
    for number, (way, repeat) in enumerate(missing, 1):
        name = _name(way, repeat, args.case)
        print(f"{number} of {len(missing)}: {name}, since {time.strftime('%H:%M:%S')}", flush=True)
        with tempfile.TemporaryDirectory() as scratch, Load() as others:
            directory = Path(scratch) / "case"
            write_case(args.case, *repeat, directory)
            measured = WAYS[way](directory, args.steps)
        store(name, measured, others.others, args.results)
    rows = _rows(load(args.results), args.ways, repeats, args.case)
    print(_table(rows))
    if args.figure:
        draw(rows, args.figure)


def write_case(source: Path, first: int, second: int, to: Path) -> None:
    """The case with its i-PI input, repeated along the first two lattice vectors."""
    to.mkdir()
    repeated(source, first, second, to)
    for path in source.glob("input*.xml"):
        shutil.copy(path, to)
    if (source / "electrode_atoms.txt").is_file():
        lines = "\n".join(map(str, read_case(to).electrode_indices))
        (to / "electrode_atoms.txt").write_text(f"# atoms of the electrodes, counted from 0\n{lines}\n")


def measure_response(directory: Path, steps: int) -> dict[str, float]:
    """A new run with `response` and a short one, which the cache saves the preparation."""
    measured = _run(directory, "response", _NO_SETTINGS, steps)
    again = _run(directory, "response", _NO_SETTINGS, _SHORT_STEPS)
    return measured | {"prepared": again["first step"]}


def measure_net(directory: Path, steps: int) -> dict[str, float]:
    """A run of `nn` with a net for the case's sheet; making the net is no part of it."""
    model = directory / "net"
    write_net(read_case(directory), model)
    return _run(directory, "nn", {"model": str(model)}, steps)


def measure_lammps(directory: Path, steps: int) -> dict[str, float]:
    """LAMMPS' inverted matrix."""
    del steps  # fewer tell as much
    case = read_case(directory)
    measured = lammps_electrode.matrix_cost(case, _LAMMPS_ACCURACY, directory, _LAMMPS_STEPS)
    return {"atoms": len(case), "carbons": len(case.electrode_indices), **measured}


#: by name: what measures a case that is repeated, in so many steps
WAYS: Mapping[str, Callable[[Path, int], dict[str, float]]] = {
    "response": measure_response,
    "nn": measure_net,
    "lammps": measure_lammps,
}


def _run(directory: Path, backend: str, settings: Mapping[str, str], steps: int) -> dict[str, float]:
    """One run.

    Returns:
        Seconds of processor time until the ``first step`` and of a ``step``; the same by the ``clock``;
        ``mib``, the driver's peak, ``mib i-PI`` and ``mib run``, that of `polcouple run`; ``share NAME``, of
        a step by the clock.
    """
    output = directory / f"run_{len(list(directory.glob('run_*')))}"
    command = [sys.executable, "-m", "polcouple.cli", "run", str(directory), "--backend", backend]
    command += [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    command += ["--steps", str(steps), "--output", str(output), "--threads", "1"]
    environment = os.environ | {"POLCOUPLE_CACHE": str(directory / "cache")}
    properties = Properties(output / "simulation.out")

    def step() -> int | None:
        reading = properties.latest()
        return None if reading is None else reading.step

    usage = usage_of(command, directory, environment, step)
    first, last = usage.marks[0], usage.marks[-1]
    driver = json.loads((output / "driver.json").read_text())
    case, count = read_case(directory), last.step - first.step
    return {
        "atoms": len(case),
        "carbons": len(case.electrode_indices),
        "first step": first.processor,
        "step": (last.processor - first.processor) / count,
        "clock first step": first.clock,
        "clock step": (last.clock - first.clock) / count,
        "mib": _peak(usage, "polcouple.cli.driver"),
        "mib i-PI": _peak(usage, "polcouple.rigid.i_pi"),
        "mib run": _peak(usage, "polcouple.cli"),
    } | {
        f"share {name}": seconds / (driver["evaluations"] - 1)
        for name, seconds in driver["seconds"].items()
        if name != "wall"
    }


def _peak(usage: Usage, module: str) -> float:
    """MiB of the process that runs a module."""
    return max(mib for words, mib in usage.mib.items() if module in words)


def _name(way: str, repeat: tuple[int, int], case: Path) -> str:
    """Of a measurement; the reference system is not named."""
    own = "" if case.resolve() == _CASE else f", {case.name}"
    return f"{way} {repeat[0]} x {repeat[1]}{own}"


def _rows(
    entries: Mapping[str, Any], ways: Sequence[str], repeats: Sequence[tuple[int, int]], case: Path
) -> dict[str, list[dict[str, float]]]:
    """What was measured, each way in the order of sizes."""
    names = {way: [_name(way, repeat, case) for repeat in repeats] for way in ways}
    return {
        way: [entries[name][-1]["measured"] for name in own if name in entries] for way, own in names.items()
    }


def _table(rows: Mapping[str, Sequence[Mapping[str, float]]]) -> str:
    """Markdown: a line for each way and size."""
    columns = {
        "atoms": ("atoms", 1), "carbons": ("carbons", 1), "first step / s": ("first step", 1),
        "prepared / s": ("prepared", 1), "step / ms": ("step", 1e3), "driver / MiB": ("mib", 1),
        "i-PI / MiB": ("mib i-PI", 1),
        "first step, clock / s": ("clock first step", 1), "step, clock / ms": ("clock step", 1e3),
    }  # fmt: skip
    lines = [f"| way | {' | '.join(columns)} |", f"|{'---|' * (len(columns) + 1)}"]
    for way, sizes in rows.items():
        for row in sizes:
            values = [f"{scale * row[key]:.4g}" if key in row else "" for key, scale in columns.values()]
            lines.append(f"| {way} | {' | '.join(values)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
