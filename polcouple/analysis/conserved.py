"""i-PI's conserved quantity less the work done by refreshing the charges.

Of a ring polymer of P beads i-PI writes the conserved quantity divided by P (``get_conserved`` and
``get_econs`` in its source). All beads' potentials are summed in it, so the work that belongs to it is the
mean of the beads' works.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from polcouple.errors import InputError
from polcouple.ipi.files import run_files
from polcouple.ipi.output import last_of_each, read_extras, read_properties
from polcouple.units import ATOMIC_TIME_TO_FS, HARTREE_TO_KJ_PER_MOL


@dataclass(frozen=True, eq=False)
class Conserved:
    """Time in ps, energies in kJ/mol per cell and bead, all (n,) at the steps that all outputs hold."""

    time: np.ndarray
    conserved: np.ndarray
    refresh_work: np.ndarray

    @property
    def corrected(self) -> np.ndarray:
        """What the integrator conserves when charges change from outside."""
        return self.conserved - self.refresh_work


def write_conserved(directory: Path, system: str | None = None) -> Conserved:
    """Read a run's energies and write conserved.csv and conserved.png into its directory.

    Raises:
        InputError: as :func:`read_conserved`.
    """
    data = read_conserved(directory, system)
    table = np.column_stack([data.time, data.conserved, data.refresh_work, data.corrected])
    header = "time_ps,conserved_kj_per_mol,refresh_work_kj_per_mol,corrected_kj_per_mol"
    name = "conserved" if system is None else f"{system}_conserved"
    np.savetxt(directory / f"{name}.csv", table, delimiter=",", header=header, comments="", fmt="%.8f")
    _draw(data, directory / f"{name}.png")
    return data


def read_conserved(directory: Path, system: str | None = None) -> Conserved:
    """Join i-PI's property output and the ``refresh_work`` extras of all beads of a run.

    Args:
        directory: of the run.
        system: prefix of the system that is meant, of several.

    Raises:
        InputError: an output is missing or they share fewer than three steps; several systems.
    """
    files = run_files(directory, system)
    properties = read_properties(files.properties("step", "time", "conserved"))
    row = _last_of_steps(properties["step"].astype(int))
    works = []
    for file in files.extras("refresh_work"):
        steps, values = read_extras(file)
        works.append({step: float(values[frame, 0]) for step, frame in _last_of_steps(steps).items()})
    shared = sorted(row.keys() & set.intersection(*map(set, works)))
    if len(shared) < 3:
        raise InputError(
            f"{directory}: the outputs share {len(shared)} steps; make their strides fit and run on"
        )
    rows = [row[step] for step in shared]
    work = [[one[step] for step in shared] for one in works]
    return Conserved(
        1e-3 * ATOMIC_TIME_TO_FS * properties["time"][rows],
        properties["conserved"][rows] * HARTREE_TO_KJ_PER_MOL,
        np.mean(work, axis=0) * HARTREE_TO_KJ_PER_MOL,
    )


def _last_of_steps(steps: np.ndarray) -> dict[int, int]:
    """The row or frame of each step that counts."""
    return {int(steps[number]): int(number) for number in np.flatnonzero(last_of_each(steps))}


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
