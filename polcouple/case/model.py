"""A case directory: system.yaml (validated), init.xyz and i-PI's input.xml.

system.yaml describes what i-PI does not know: which atoms are electrode, water and ions, the force field,
the electrodes' charges, how often the charges are refreshed, and the backends' settings. Where i-PI has the
liquid alone, the electrodes' atoms are in electrode.xyz.
"""

from __future__ import annotations

from pathlib import Path

from polcouple.case.case import Case
from polcouple.case.checks import check_case, check_labels
from polcouple.case.given_system import read_given_system
from polcouple.case.schema import FORMATS, GivenSystemSection, SystemSection
from polcouple.case.structure import read_structure, write_init_xyz
from polcouple.case.system_yaml import read_model
from polcouple.ipi.initialize import StartFile, start_of_case
from polcouple.ipi.start_file import read_init_xyz

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
    symbols, positions, cell = read_structure(directory, system, start)
    case = Case(directory, system, symbols, positions, cell, given)
    check_labels(start, tuple(symbols[i] for i in case.ipi_indices), directory)
    check_case(case, path, directory / start.name, in_input=start.cell is not None)
    return case
