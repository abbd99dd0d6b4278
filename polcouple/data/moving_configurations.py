"""Frames of a dataset of an electrode that moves, to train a potential of all its atoms on."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from polcouple.data.configurations import Configuration
from polcouple.data.moving import MovingDataset
from polcouple.data.moving_rows import CONVERGED
from polcouple.errors import InputError, nearest
from polcouple.units import BOHR_TO_ANGSTROM, HARTREE_TO_EV


def moving_configurations(path: Path, labels: str | None) -> list[Configuration]:
    """The labelled frames, with the energy that the forces derive from: A at a charge, Omega at a level.

    Args:
        labels: name of a label set; None where there is but one. Energies of several sets are not of one
            function of the positions.

    Raises:
        InputError: no such labels, several to choose from, or none that converged.
    """
    dataset = MovingDataset(path)
    names = [one.name for one in dataset.sets()]
    if labels is None and len(names) != 1:
        raise InputError(
            f"{path}: labels of {len(names)} kinds, and a potential has one energy; choose by --labels:"
            f" {', '.join(names) or 'none (label it first)'}"
        )
    if labels is not None and labels not in names:
        raise InputError(
            f"{path}: no labels '{labels}'{nearest(labels, names)}; there are: {', '.join(names)}"
        )
    number = 0 if labels is None else names.index(labels)
    chosen, rows = dataset.sets()[number], dataset.labels()
    rows = rows[np.flatnonzero((rows.set == number) & (rows.status == CONVERGED))]
    if not len(rows):
        raise InputError(f"{path}: no labels {names[number]} that converged")
    energies = rows.free_energy if chosen.fermi_level is None else rows.grand_potential
    if not np.isfinite(energies).all():
        raise InputError(f"{path}: labels {names[number]} have no energy, which forces derive from")
    positions = dataset.frames().positions
    return [
        Configuration(
            dataset.symbols,
            positions[frame] * BOHR_TO_ANGSTROM,
            dataset.cell * BOHR_TO_ANGSTROM,
            (True, True, True),
            float(energy) * HARTREE_TO_EV,
            forces * (HARTREE_TO_EV / BOHR_TO_ANGSTROM),
        )
        for frame, energy, forces in sorted(
            zip(rows.frame.tolist(), energies, rows.forces, strict=True), key=lambda row: row[0]
        )
    ]
