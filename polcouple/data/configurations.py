"""Frames of atoms with energies and forces, to train potentials on: eV and Angstrom, as ASE has them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from polcouple.errors import InputError

#: an atom pulled harder is no frame of a liquid but an error of units (eV/A)
_LARGEST_FORCE = 1e4


@dataclass(frozen=True, eq=False)
class Configuration:
    """One frame.

    Attributes:
        symbols: (n,) elements.
        positions: (n, 3) in A.
        cell: (3, 3) a lattice vector per row, A.
        periodic: of each lattice vector.
        energy: in eV, or None.
        forces: (n, 3) in eV/A, or None.
    """

    symbols: tuple[str, ...]
    positions: np.ndarray
    cell: np.ndarray
    periodic: tuple[bool, bool, bool]
    energy: float | None
    forces: np.ndarray | None


def read_configurations(
    paths: Sequence[Path], energy_key: str = "energy", forces_key: str = "forces"
) -> list[Configuration]:
    """Frames of files that ASE reads, extended XYZ among them, in the files' order.

    Args:
        paths: of the files.
        energy_key: what the files call the energy.
        forces_key: what the files call the forces.

    Raises:
        InputError: a file that cannot be read, or a frame without either, or with numbers that are none.
    """
    found = [one for path in paths for one in _read(path, energy_key, forces_key)]
    if not found:
        raise InputError(f"{', '.join(map(str, paths))}: no frames")
    return found


def _read(path: Path, energy_key: str, forces_key: str) -> Iterator[Configuration]:
    import ase.io

    if not path.is_file():
        raise InputError(f"{path}: no such file")
    frames = ase.io.iread(path, index=":")
    number = 0
    while True:
        try:
            atoms = next(frames)
        except StopIteration:
            return
        except Exception as error:  # whatever a reader of ASE's makes of a damaged file
            raise InputError(f"{path}: frame {number} (from 0) cannot be read: {error}") from None
        yield _configuration(atoms, f"{path}: frame {number} (from 0)", energy_key, forces_key)
        number += 1


def _configuration(atoms: Any, where: str, energy_key: str, forces_key: str) -> Configuration:
    results = {} if atoms.calc is None else atoms.calc.results
    energy = results.get(energy_key, atoms.info.get(energy_key))
    forces = results.get(forces_key, atoms.arrays.get(forces_key))
    if energy is None and forces is None:
        names = sorted({*results, *atoms.info, *atoms.arrays} - {"numbers", "positions"})
        raise InputError(
            f"{where} has neither '{energy_key}' nor '{forces_key}'; it has {', '.join(names) or 'nothing'}:"
            " name what to train on by --energy-key and --forces-key"
        )
    if forces is not None:
        forces = np.array(forces, dtype=float)
        if forces.shape != (len(atoms), 3) or not np.isfinite(forces).all():
            raise InputError(f"{where}: its forces are not three finite numbers an atom")
        if np.abs(forces).max() > _LARGEST_FORCE:
            raise InputError(
                f"{where}: a force of {np.abs(forces).max():.3g} eV/A; give forces in eV/A, or leave it out"
            )
    if energy is not None and not np.isfinite(energy):
        raise InputError(f"{where}: its energy is {energy}")
    positions = atoms.get_positions()
    if not np.isfinite(positions).all() or not len(atoms):
        raise InputError(f"{where}: its positions are not finite, or it has no atoms")
    return Configuration(
        tuple(atoms.get_chemical_symbols()),
        positions,
        atoms.cell.array,
        tuple(bool(flag) for flag in atoms.pbc),  # type: ignore[arg-type]
        None if energy is None else float(energy),
        forces,
    )


def digest(configurations: Sequence[Configuration]) -> str:
    """SHA-256 of all that is in the frames."""
    found = hashlib.sha256()
    for one in configurations:
        found.update("".join(one.symbols).encode())
        found.update(repr((one.periodic, one.energy)).encode())
        for array in (one.positions, one.cell, one.forces):
            if array is not None:
                found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()
