"""A run's positions as MDAnalysis sees them."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from polcouple.case.model import Case
from polcouple.errors import InputError
from polcouple.units import ANGSTROM_TO_BOHR, BOHR_TO_ANGSTROM


def open_trajectory(case: Case, path: Path, unit: float) -> Any:
    """A Universe of the atoms that i-PI has, in Angstrom, with the case's cell.

    Args:
        path: of i-PI's xyz trajectory.
        unit: of its lengths, in bohr.

    Raises:
        InputError: its first frame is damaged.
    """
    from MDAnalysis import Universe
    from MDAnalysis.lib.mdamath import triclinic_box
    from MDAnalysis.transformations.boxdimensions import set_dimensions

    liquid, own = case.electrolyte_indices, case.ipi_indices
    molecules, numbers = np.unique(case.topology.molecules[liquid], return_inverse=True)
    residues = np.zeros(len(case), dtype=int)
    residues[liquid] = 1 + numbers
    names = ["electrode", *(case.topology.names[molecule] for molecule in molecules)]
    universe = Universe.empty(len(own), n_residues=len(names), atom_resindex=residues[own], trajectory=False)
    symbols = [case.symbols[atom] for atom in own]
    universe.add_TopologyAttr("names", symbols)
    universe.add_TopologyAttr("elements", symbols)
    universe.add_TopologyAttr("charges", case.charges[own])
    universe.add_TopologyAttr("resnames", names)
    box = triclinic_box(*(case.lattice * BOHR_TO_ANGSTROM))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Reader has no dt")
        try:
            universe.load_new(str(path), format="XYZ")
        except (OSError, ValueError, EOFError):
            raise InputError(f"{path}: its first frame is damaged; repeat the run") from None
    scale = unit / ANGSTROM_TO_BOHR

    def to_angstrom(moment: Any) -> Any:
        moment.positions = moment.positions * scale
        return moment

    changes = [set_dimensions(box)] if scale == 1.0 else [to_angstrom, set_dimensions(box)]
    universe.trajectory.add_transformations(*changes)
    return universe
