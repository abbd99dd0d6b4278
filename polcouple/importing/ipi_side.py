"""What i-PI gets of a new case: its inputs, and a start file of all atoms or of the liquid's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from polcouple.case.case import Case
from polcouple.case.structure import write_structure
from polcouple.ipi.templates import write_inputs

#: which atoms i-PI has
IpiAtoms = Literal["all", "liquid"]


def write_ipi_side(
    directory: Path,
    case: Case,
    positions: np.ndarray,
    ipi_atoms: IpiAtoms,
    *,
    temperature: float,
    seed: int,
    masses: Sequence[float] | None = None,
    rigid_step: float = 2.0,
) -> None:
    """Write i-PI's inputs and the start structure; system.yaml, which is there, says which atoms i-PI has.

    Args:
        positions: (N, 3) of all atoms in bohr.
        temperature: in kelvin, and ``seed`` of the random numbers.
        masses: of all atoms in electron masses, where they are not those of their elements.
        rigid_step: of constrained molecules, in fs.
    """
    electrodes = case.electrode_indices
    own = np.arange(len(case)) if ipi_atoms == "all" else case.electrolyte_indices
    write_structure(directory, case.symbols, positions, case.cell, None if ipi_atoms == "all" else electrodes)
    if ipi_atoms == "liquid":
        with (directory / "system.yaml").open("a") as stream:
            stream.write("ipi_atoms: liquid\n")
    pairs, lengths = case.constraints
    write_inputs(
        directory,
        np.flatnonzero(np.isin(own, electrodes)).tolist(),
        temperature,
        seed,
        case.system.potential is not None,
        None if masses is None else [masses[atom] for atom in own.tolist()],
        (np.searchsorted(own, pairs), lengths),
        rigid_step,
    )
