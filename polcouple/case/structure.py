"""All atoms of a case, from the file that i-PI starts from and, where i-PI lacks them, the electrodes' own.

With ``ipi_atoms: liquid`` in system.yaml the start file has the liquid alone. The electrodes' atoms stand in
electrode.xyz, in the same format and cell, one electrode after the other as system.yaml names them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from polcouple.case.likely_units import require_likely_size
from polcouple.case.schema import ELECTRODE_FILE, GivenSystemSection, SystemSection
from polcouple.errors import InputError
from polcouple.ipi.initialize import StartFile
from polcouple.ipi.start_file import frames_of, read_init_xyz
from polcouple.lattice.cell import same_lattice
from polcouple.units import ANGSTROM_TO_BOHR, BOHR_TO_ANGSTROM

#: components of the two files' cells that differ by more are others (bohr)
_SAME_CELL = 1e-4


def read_structure(
    directory: Path, system: SystemSection | GivenSystemSection, start: StartFile
) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
    """Symbols, (N, 3) positions and (3, 3) cell rows in bohr of all atoms, in the topology's order.

    Raises:
        InputError: a file is missing or malformed, or the two do not go together.
    """
    known = _elements(system)
    init = directory / start.name
    symbols, positions, cell = read_init_xyz(init, start.units, start.cell_units, start.cell, known)
    if system.ipi_atoms == "all":
        return symbols, positions, cell
    path = directory / ELECTRODE_FILE
    if not path.is_file():
        raise InputError(
            f"{path}: no such file, and {directory / 'system.yaml'} has ipi_atoms: liquid; it holds the"
            f" electrodes' atoms, as {start.name} does the liquid's"
        )
    if frames_of(path) != 1:
        raise InputError(f"{path}: several frames; keep one, the electrodes do not move")
    own_symbols, own_positions, own_cell = read_init_xyz(path, elements=known)
    require_likely_size(init, positions, cell)
    require_likely_size(path, own_positions, own_cell)
    if not same_lattice(own_cell, cell, _SAME_CELL):
        change = np.abs(own_cell - cell).max() * BOHR_TO_ANGSTROM
        raise InputError(
            f"{path}: line 2: its cell differs from that of {start.name} by {change:.2g} Angstrom; both are"
            " of one structure"
        )
    electrodes = np.concatenate([section.indices for section in system.electrodes])
    _require_counts(directory, system, start.name, len(symbols), len(own_symbols), electrodes)
    count = len(symbols) + len(electrodes)
    liquid = np.setdiff1d(np.arange(count), electrodes)
    everything, places = np.empty(count, dtype=object), np.empty((count, 3))
    everything[liquid], everything[electrodes] = symbols, own_symbols
    places[liquid], places[electrodes] = positions, own_positions
    return tuple(everything.tolist()), places, cell


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


def write_structure(
    directory: Path,
    symbols: Sequence[str],
    positions: np.ndarray,
    cell: np.ndarray,
    electrodes: np.ndarray | None = None,
) -> None:
    """Write init.xyz, and electrode.xyz where the ``electrodes`` are not to be i-PI's.

    Args:
        symbols: of the N atoms, with ``positions`` (N, 3) and the ``cell`` (3, 3), rows, in bohr.
        electrodes: (n,) indices of the electrodes' atoms, one electrode after the other; None if i-PI has
            all atoms.
    """
    names = np.array(symbols, dtype=object)
    parts = {"init.xyz": np.arange(len(symbols))}
    if electrodes is not None:
        parts = {"init.xyz": np.setdiff1d(parts["init.xyz"], electrodes), ELECTRODE_FILE: electrodes}
    for name, own in parts.items():
        write_init_xyz(directory / name, tuple(names[own].tolist()), positions[own], cell)


def _require_counts(
    directory: Path,
    system: SystemSection | GivenSystemSection,
    init: str,
    n_init: int,
    n_own: int,
    electrodes: np.ndarray,
) -> None:
    path = directory / "system.yaml"
    if len(electrodes) != n_own:
        raise InputError(
            f"{path}: the electrodes have {len(electrodes)} atoms, {directory / ELECTRODE_FILE} holds"
            f" {n_own}; list all of them there and nothing else"
        )
    if isinstance(system, SystemSection):
        sizes = {"water": 3, "electrode": 0}
        wanted = sum(block.count * sizes.get(block.species, 1) for block in system.topology)
    else:
        wanted = sum(kind.count * len(kind.elements) for kind in system.topology) - len(electrodes)
    if n_init != wanted:
        raise InputError(
            f"{path}: ipi_atoms: liquid, and the topology's liquid has {wanted} atoms, {init} holds {n_init};"
            " take the electrodes' atoms out of it, or correct the counts"
        )
    if len(np.unique(electrodes)) < n_own or electrodes.max() >= n_init + n_own:
        raise InputError(
            f"{path}: the electrodes' atoms must be numbers from 0 to {n_init + n_own - 1}, each of them"
            " once; they count the liquid's too, in the topology's order"
        )


def _elements(system: SystemSection | GivenSystemSection) -> Collection[str]:
    """Symbols that may be meant where a file has others."""
    if isinstance(system, SystemSection):
        field = system.force_field
        return {*field.lennard_jones, *field.electrode_lennard_jones}
    return {element for kind in system.topology for element in kind.elements}
