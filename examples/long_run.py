"""A long NVT run: memory, open files, temperature, conserved quantity and total charge. Needs Linux's /proc.

    python examples/long_run.py CASE --backend response --steps 20000 [-o DIR] [--figure PATH]
    python examples/long_run.py CASE --backend nn --set model=/path/to/model --steps 20000 [-o DIR]

A run directory that holds a finished run is only analysed again.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from polcouple.analysis.conserved import drift_and_spread
from polcouple.case.model import read_case
from polcouple.cli.options import add_backend_arguments
from polcouple.ipi.input import read_xml, write_xml
from polcouple.ipi.output import last_properties, read_extras, read_properties
from polcouple.simulation.directory import prepare
from polcouple.units import ATOMIC_TIME_TO_FS, HARTREE_TO_KJ_PER_MOL, KELVIN_TO_HARTREE

SAMPLING_PERIOD = 1.0
CHARGES_STRIDE = 10
PROGRAMS = {"driver": "polcouple.cli.driver", "i-PI": "i-pi"}


def children(pid: int) -> Iterator[tuple[str, Path]]:
    """Name and /proc directory of the programs that ``polcouple run`` started."""
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        process = Path(f"/proc/{child}")
        words = (process / "cmdline").read_text().split("\0")
        for name, mark in PROGRAMS.items():
            if any(Path(word).name == mark for word in words):
                yield name, process


def sample(pid: int, output: Path) -> Iterator[list[object]]:
    """Step, program, resident memory in MiB and number of open files of each program."""
    step = last_properties(output).get("step", 0.0)
    for name, process in children(pid):
        status = (process / "status").read_text()
        resident = float(status.partition("VmRSS:")[2].split()[0]) / 1024
        yield [step, name, resident, len(list((process / "fd").iterdir()))]


def propagate(case: Path, backend: str, settings: Sequence[str], steps: int, directory: Path) -> None:
    """Run, and write resources.csv beside the run's output."""
    prepare(case, "input.xml", directory)
    root = read_xml(directory / "input.xml")
    for trajectory in root.iter("trajectory"):
        if trajectory.get("filename") == "charges":
            trajectory.set("stride", str(CHARGES_STRIDE))
    prepared = directory.with_name(directory.name + "_case")
    directory.rename(prepared)
    write_xml(root, prepared / "input.xml")
    words = [sys.executable, "-m", "polcouple.cli", "run", str(prepared), "--backend", backend]
    words += ["--steps", str(steps), "--output", str(directory), "--threads", "1"]
    words += [word for setting in settings for word in ("--set", setting)]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    rows: list[list[object]] = []
    while process.poll() is None:
        time.sleep(SAMPLING_PERIOD)
        try:
            rows += sample(process.pid, directory / "simulation.out")
        except (FileNotFoundError, ProcessLookupError, IndexError):
            continue  # one of them just ended
    with (directory / "resources.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([["step", "program", "resident_mib", "open_files"], *rows])
    if process.returncode:
        raise SystemExit(f"the run failed: see {directory}")


def read_resources(path: Path) -> dict[str, np.ndarray]:
    """(n, 3) step, MiB and open files of each program."""
    with path.open() as stream:
        rows = list(csv.DictReader(stream))
    return {
        name: np.array(
            [
                [float(row[key]) for key in ("step", "resident_mib", "open_files")]
                for row in rows
                if row["program"] == name
            ]
        )
        for name in PROGRAMS
    }


def table(directory: Path, atoms: int, total_charge: float) -> None:
    """Print the figures of the run."""
    properties = read_properties(directory / "simulation.out")
    _, charges = read_extras(directory / "simulation.charges_0")
    later = properties["step"] > properties["step"][-1] / 4
    print(f"steps {properties['step'][-1]:.0f}, {1e-3 * ATOMIC_TIME_TO_FS * properties['time'][-1]:.3g} ps")
    for name, samples in read_resources(directory / "resources.csv").items():
        # what is loaded and compiled at the start is not growth; at the last step both are ending
        last_step = properties["step"][-1]
        steady = samples[(samples[:, 0] > last_step / 20) & (samples[:, 0] < last_step)]
        growth = 1e3 * 1024 * np.polyfit(steady[:, 0], steady[:, 1], 1)[0]
        first, last = steady[0], steady[-1]
        print(
            f"{name}: {first[1]:.1f} MiB at step {first[0]:.0f}, {last[1]:.1f} MiB at step {last[0]:.0f}"
            f" (slope {growth:.1f} KiB per 1000 steps);"
            f" open files {steady[:, 2].min():.0f} to {steady[:, 2].max():.0f}"
        )
    temperature = properties["temperature"][later] / KELVIN_TO_HARTREE
    print(f"temperature in the last three quarters: {temperature.mean():.1f} +- {temperature.std():.1f} K")
    conserved = properties["conserved"] * HARTREE_TO_KJ_PER_MOL * 1e3 / atoms
    drift, spread = drift_and_spread(1e-3 * ATOMIC_TIME_TO_FS * properties["time"], conserved)
    print(f"conserved quantity: drift {drift:.3f} J/mol/ps, fluctuation {spread:.3f} J/mol per moving atom")
    error = np.abs(charges.sum(axis=1) - total_charge).max()
    print(f"total charge: largest error {error:.1e} e in {len(charges)} frames")


def draw(directory: Path, atoms: int, path: Path) -> None:
    """Resources, temperature and conserved quantity over the steps."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    properties = read_properties(directory / "simulation.out")
    figure, axes = pyplot.subplots(4, 1, figsize=(6.5, 7.5), sharex=True, layout="constrained")
    for name, samples in read_resources(directory / "resources.csv").items():
        axes[0].plot(samples[:, 0], samples[:, 1], label=name)
        axes[1].plot(samples[:, 0], samples[:, 2], label=name)
    axes[0].legend(fontsize="small")
    axes[0].set(ylabel="memory / MiB", ylim=(0, None))
    axes[1].set(ylabel="open files", ylim=(0, None))
    axes[2].plot(properties["step"], properties["temperature"] / KELVIN_TO_HARTREE, linewidth=0.5)
    axes[2].set(ylabel="temperature / K")
    conserved = properties["conserved"] * HARTREE_TO_KJ_PER_MOL * 1e3 / atoms
    axes[3].plot(properties["step"], conserved - conserved[0], linewidth=0.5)
    axes[3].set(ylabel="conserved / J/mol\nper moving atom", xlabel="step")
    figure.savefig(path, dpi=130)


def main() -> None:
    """Run if needed, print the figures, draw them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("case", type=Path)
    add_backend_arguments(parser, default="response")
    parser.add_argument("--steps", type=int, default=20000)
    parser.add_argument("-o", "--output", type=Path, default=Path("long_run"))
    parser.add_argument("--figure", type=Path, help="where to draw (OUTPUT/long_run.png)")
    args = parser.parse_args()
    case = read_case(args.case)
    if not (args.output / "resources.csv").exists():
        propagate(args.case, args.backend, args.settings, args.steps, args.output)
    table(args.output, len(case.electrolyte), case.total_charge)
    draw(args.output, len(case.electrolyte), args.figure or args.output / "long_run.png")


if __name__ == "__main__":
    main()
