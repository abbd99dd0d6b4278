"""How the native engine grows: the reference system, repeated in the plane to 16 times its size.

    python -m benchmarks.engine_growth [--case DIR] [--figure PATH]

Processor time of a call (one thread) and wall time (one and two threads), lists included, and the memory of
the process, each size in a process of its own. With fixed charges, and with site potentials read and other
charges put in before every call, as a backend asks that is refreshed in every step.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import yaml

from polcouple.case.model import Case, read_case, write_init_xyz
from polcouple.engines.native.engine import NativeEngine

_ROOT = Path(__file__).parent.parent
_REPEATS = ((1, 1), (2, 1), (2, 2), (4, 2), (4, 4))
_CALLS = 12
_ACCURACY = 1e-6


def main() -> None:
    """Print the table, with exponents; draw the figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", type=Path, default=_ROOT / "ipi_inputs" / "graphene_nacl")
    parser.add_argument("--figure", type=Path)
    parser.add_argument("--one", nargs=2, type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(json.dumps(measure(args.case, *args.one)))
        return
    rows = []
    for repeat in _REPEATS:
        words = [sys.executable, "-m", "benchmarks.engine_growth", "--case", str(args.case)]
        done = subprocess.run(
            [*words, "--one", *map(str, repeat)], cwd=_ROOT, capture_output=True, text=True, check=True
        )
        rows.append(json.loads(done.stdout.splitlines()[-1]))
        if len(rows) == 1:
            print(f"| {' | '.join(rows[0])} |\n|{'---|' * len(rows[0])}")
        print(f"| {' | '.join(f'{value:.4g}' for value in rows[-1].values())} |", flush=True)
    atoms = np.log([row["atoms"] for row in rows])
    for name in rows[0]:
        if name.startswith("ms"):
            slope = np.polyfit(atoms, np.log([row[name] for row in rows]), 1)[0]
            print(f"exponent of {name[3:]}: {slope:.3f}")
    if args.figure:
        _draw(rows, args.figure)


def measure(directory: Path, first: int, second: int) -> dict[str, float]:
    """Medians in ms, and memory in MiB, of the case repeated ``first`` times ``second`` times."""
    with tempfile.TemporaryDirectory() as name:
        case = repeated(directory, first, second, Path(name))
    row: dict[str, float] = {"atoms": len(case)}
    for title, threads, potentials in (
        ("fixed", 1, False), ("new charges", 1, True), ("fixed, two threads", 2, False)
    ):  # fmt: skip
        engine = NativeEngine(case, "all", threads)
        if potentials:
            engine.prepare_site_potentials(_ACCURACY)
        cpu, wall = _calls(engine, case, potentials)
        if threads == 1:
            row[f"ms {title}, processor"] = cpu
        row[f"ms {title}, wall"] = wall
        if title == "fixed":
            row["MiB fixed"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return row


def repeated(directory: Path, first: int, second: int, to: Path) -> Case:
    """The case repeated along the first and the second lattice vector, written to ``to``."""
    case = read_case(directory)
    content = yaml.safe_load((directory / "system.yaml").read_text())
    copies = first * second
    shifts = [a * case.cell[0] + b * case.cell[1] for a in range(first) for b in range(second)]
    symbols, positions, begin = [], [], 0
    for entry in content["topology"]:
        atoms = entry["count"] * (3 if entry["species"] == "water" else 1)
        own = slice(begin, begin + atoms)
        symbols += list(case.symbols[own]) * copies
        positions += [case.positions[own] + shift for shift in shifts]
        begin += atoms
        entry["count"] *= copies
    end = 0
    for electrode in content["electrodes"]:
        atoms = electrode["last_atom"] + 1 - electrode["first_atom"]
        electrode["first_atom"], end = end, end + atoms * copies
        electrode["last_atom"] = end - 1
        electrode["total_charge_e"] *= copies
    (to / "system.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    cell = case.cell * np.array([[first], [second], [1]])
    write_init_xyz(to / "init.xyz", symbols, np.concatenate(positions), cell)
    return read_case(to)


def _calls(engine: NativeEngine, case: Case, potentials: bool) -> tuple[float, float]:
    """Mean processor and wall time in ms of calls while atoms move as in steps of 0.5 fs."""
    rng = np.random.default_rng(1)
    n = len(case.electrode)
    positions, velocities = case.positions.copy(), 0.006 * rng.standard_normal((len(case.electrolyte), 3))
    engine.set_charges(np.full(n, case.total_charge / n))
    spent = []
    for _ in range(_CALLS + 1):
        positions[case.electrolyte_indices] += velocities
        charges = rng.normal(case.total_charge / n, 0.01, n)
        start = time.process_time(), time.perf_counter()
        if potentials:
            engine.site_potentials(positions)
            engine.set_charges(charges)
        engine.evaluate(positions)
        spent.append((time.process_time() - start[0], time.perf_counter() - start[1]))
    # the first one makes lists, and so do one or two of the others
    cpu, wall = 1e3 * np.mean(spent[1:], axis=0)
    return float(cpu), float(wall)


def _draw(rows: list[dict[str, float]], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 4), layout="constrained")
    atoms = np.array([row["atoms"] for row in rows])
    for name, colour, mark in (
        ("ms fixed, processor", "#0072B2", "o"), ("ms new charges, processor", "#D55E00", "s")
    ):  # fmt: skip
        times = np.array([row[name] for row in rows])
        axes.loglog(atoms, times, marker=mark, color=colour, label=name[3:].partition(",")[0])
    axes.loglog(atoms, times[0] * atoms / atoms[0], "k:", label="proportional to the atoms")
    axes.set(xlabel="atoms", ylabel="processor time of a force call / ms")
    axes.legend()
    figure.savefig(path, dpi=150)
    pyplot.close(figure)


if __name__ == "__main__":
    main()
