"""A case directory: system.yaml (validated), init.xyz and i-PI's input.xml.

system.yaml describes what i-PI does not know: which atoms of init.xyz are electrode, water and ions, the
force field, the electrodes' charges, how often the charges are refreshed, and the backends' settings.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from polcouple.case.case import Case
from polcouple.case.checks import check_case, check_labels
from polcouple.case.given_system import read_given_system
from polcouple.case.schema import FORMATS, GivenSystemSection, SystemSection
from polcouple.case.system_yaml import read_model
from polcouple.ipi.initialize import StartFile, start_of_case
from polcouple.ipi.start_file import read_init_xyz
from polcouple.units import ANGSTROM_TO_BOHR

__all__ = ["Case", "read_case", "read_init_xyz", "write_init_xyz"]


def read_case(directory: Path | str, start: StartFile | None = None) -> Case:
    """Read and validate a case directory, with the structure that i-PI starts from.

    ``start`` is by default what the case's input.xml names.

    Raises:
        InputError: a file is missing or malformed, atoms and topology disagree, the cell is not neutral.
    """
    directory = Path(directory)
    path = directory / "system.yaml"
    system: SystemSection | GivenSystemSection = read_model(path, SystemSection, FORMATS)
    given = None
    if isinstance(system, GivenSystemSection):
        given = read_given_system(directory / system.force_field.openmm_system)
    start = start or start_of_case(directory)
    init = directory / start.name
    if isinstance(system, SystemSection):
        field = system.force_field
        known = {*field.lennard_jones, *field.electrode_lennard_jones}
    else:
        known = {element for kind in system.topology for element in kind.elements}
    symbols, positions, cell = read_init_xyz(init, start.units, start.cell_units, start.cell, known)
    check_labels(start, symbols, directory)
    case = Case(directory, system, symbols, positions, cell, given)
    check_case(case, path, init, in_input=start.cell is not None)
    return case


def write_init_xyz(path: Path, symbols: tuple[str, ...], positions: np.ndarray, cell: np.ndarray) -> None:
    """Write an i-PI xyz file in Angstrom with ten decimals; arguments in bohr, cell vectors in rows."""
    lengths = np.linalg.norm(cell, axis=1)
    directions = cell / lengths[:, None]
    cosines = [directions[i] @ directions[j] for i, j in ((1, 2), (0, 2), (0, 1))]
    angles = np.rad2deg(np.arccos(np.clip(cosines, -1.0, 1.0)))
    abc = " ".join(f"{length:.10f}" for length in lengths / ANGSTROM_TO_BOHR)
    abc += "".join(f" {angle:.12g}" for angle in angles)
    lines = [str(len(symbols)), f"# CELL(abcABC): {abc} positions{{angstrom}} cell{{angstrom}}"]
    lines += [
        "{:<2s} {:17.10f} {:17.10f} {:17.10f}".format(symbol, *position)
        for symbol, position in zip(symbols, positions / ANGSTROM_TO_BOHR, strict=True)
    ]
    path.write_text("\n".join(lines) + "\n")
