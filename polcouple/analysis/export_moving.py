"""Labels of electrodes that move as extended xyz, for other programs that train on energies and forces."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from polcouple.data.moving import MovingDataset
from polcouple.data.moving_rows import CONVERGED, LabelSet, MovingLabels
from polcouple.errors import InputError
from polcouple.files import replacing
from polcouple.output_paths import require_suffix
from polcouple.units import BOHR_TO_ANGSTROM, HARTREE_TO_EV


def export_moving(path: Path, output: Path) -> int:
    """Write every converged label of a dataset as one configuration; returns how many.

    In eV, Angstrom, e and V. ``energy`` is what ``forces`` are derivatives of: A = E - TS where a charge was
    held, and A + mu Q where a level was, with Q = N0 - N. That is Omega = A - mu N but for the constant
    mu N0 of the neutral atoms' electrons. A, E and Omega themselves are ``helmholtz_energy``,
    ``internal_energy`` and ``grand_potential``.

    Raises:
        InputError: a name that is taken or promises another format, or no labels.
    """
    from ase import Atoms
    from ase.calculators.singlepoint import SinglePointCalculator
    from ase.io import write

    require_suffix(output, ".xyz", ".extxyz")
    if output.exists():
        raise InputError(f"{output}: exists already; name another file")
    dataset = MovingDataset(path)
    frames, labels, sets = dataset.frames(), dataset.labels(), dataset.sets()
    rows = np.flatnonzero(labels.status == CONVERGED)
    if not len(rows):
        raise InputError(f"{path}: no labels; `polcouple label` makes them")
    with replacing(output) as temporary, temporary.open("w") as stream:
        for row in rows:
            frame, one = int(labels.frame[row]), sets[labels.set[row]]
            atoms = Atoms(
                dataset.symbols,
                frames.positions[frame] * BOHR_TO_ANGSTROM,
                cell=dataset.cell * BOHR_TO_ANGSTROM,
                pbc=True,
            )
            charges = np.zeros(len(atoms))
            charges[dataset.electrode] = labels.charges[row]
            told = _told(labels, int(row), one)
            atoms.calc = SinglePointCalculator(
                atoms,
                energy=told.pop("energy"),
                forces=labels.forces[row] * (HARTREE_TO_EV / BOHR_TO_ANGSTROM),
                charges=charges,
            )
            atoms.info = told | {"frame": frame, "label_set": one.name}
            if np.isfinite(frames.time[frame]):
                atoms.info["time_ps"] = float(frames.time[frame])
            write(stream, atoms, format="extxyz")
    return len(rows)


def _told(labels: MovingLabels, row: int, one: LabelSet) -> dict[str, Any]:
    """Energies in eV, electrons, potential in V and capacitance in e/V of one label."""
    free, level = float(labels.free_energy[row]), float(labels.fermi_level[row])
    total_charge = float(labels.charges[row].sum())
    energy = free if one.fermi_level is None else free + level * total_charge
    told = {
        "energy": energy * HARTREE_TO_EV,
        "helmholtz_energy": free * HARTREE_TO_EV,
        "internal_energy": float(labels.internal_energy[row]) * HARTREE_TO_EV,
        "grand_potential": float(labels.grand_potential[row]) * HARTREE_TO_EV,
        "fermi_level": level * HARTREE_TO_EV,
        "electrons": float(labels.electrons[row]),
        "total_charge": total_charge,
        "capacitance": float(labels.capacitance[row]) / HARTREE_TO_EV,
    }
    if one.reference is not None:
        told["reference_level"] = one.reference * HARTREE_TO_EV
        told["potential"] = (one.reference - level) * HARTREE_TO_EV
    return {name: value for name, value in told.items() if np.isfinite(value)}
