"""``polcouple conserved``: i-PI's conserved quantity less the work done by refreshing the charges."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from polcouple.command import log
from polcouple.errors import InputError
from polcouple.ipi_input import output_file, read_xml
from polcouple.ipi_output import read_extras, read_properties
from polcouple.units import HARTREE_TO_KJ_PER_MOL


@dataclass(frozen=True, eq=False)
class Conserved:
    """Time in ps, energies in kJ/mol per cell, all (n,) at the steps that both outputs hold."""

    time: np.ndarray
    conserved: np.ndarray
    refresh_work: np.ndarray

    @property
    def corrected(self) -> np.ndarray:
        """What the integrator conserves when charges change from outside."""
        return self.conserved - self.refresh_work


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``polcouple conserved``."""
    parser.add_argument("run_directory", type=Path, metavar="RUN", help="directory of a run")


def run(args: argparse.Namespace) -> int:
    """Write conserved.csv and conserved.png into the run directory and print the drifts."""
    directory: Path = args.run_directory
    data = read_conserved(directory)
    table = np.column_stack([data.time, data.conserved, data.refresh_work, data.corrected])
    header = "time_ps,conserved_kj_per_mol,refresh_work_kj_per_mol,corrected_kj_per_mol"
    np.savetxt(directory / "conserved.csv", table, delimiter=",", header=header, comments="", fmt="%.8f")
    _draw(data, directory / "conserved.png")
    for name, values in (("conserved", data.conserved), ("corrected", data.corrected)):
        drift, spread = drift_and_spread(data.time, values)
        log(f"{name}: drift {drift:.3f} kJ/mol/ps, fluctuation about it {spread:.3f} kJ/mol (per cell)")
    return 0


def read_conserved(directory: Path) -> Conserved:
    """Join i-PI's property output and the ``refresh_work`` extras of a run.

    Raises:
        InputError: an output is missing or they share fewer than three steps.
    """
    output = output_file(read_xml(directory / "input.xml"))
    properties = read_properties(directory / output)
    for name in ("step", "time", "conserved"):
        if name not in properties:
            raise InputError(f"{directory / output}: no column '{name}'; add it to i-PI's <properties>")
    prefix = output.rpartition(".")[0]
    steps, work = read_extras(directory / f"{prefix}.refresh_work_0")
    _, rows, frames = np.intersect1d(properties["step"].astype(int), steps, return_indices=True)
    if len(rows) < 3:
        raise InputError(
            f"{directory}: the outputs share {len(rows)} steps; make their strides fit and run on"
        )
    return Conserved(
        properties["time"][rows],
        properties["conserved"][rows] * HARTREE_TO_KJ_PER_MOL,
        work[frames, 0] * HARTREE_TO_KJ_PER_MOL,
    )


def drift_and_spread(time: np.ndarray, energy: np.ndarray) -> tuple[float, float]:
    """Slope of the straight line through the energy, and the standard deviation about that line."""
    slope, offset = np.polyfit(time, energy, 1)
    return float(slope), float(np.std(energy - slope * time - offset))


def _draw(data: Conserved, path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 3.5), layout="constrained")
    for values, label, style in (
        (data.conserved, "as i-PI has it", "-"),
        (data.corrected, "less the work of the refreshes", "--"),
    ):
        axes.plot(data.time, values - values[0], style, label=label)
    axes.set(xlabel="time / ps", ylabel="conserved quantity / kJ/mol per cell")
    axes.legend()
    figure.savefig(path, dpi=150)
    pyplot.close(figure)
