"""Labels for the frames on which a network's members differ: energy and forces by another method, at once."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from polcouple.errors import InputError

if TYPE_CHECKING:
    from ase import Atoms

#: methods of tblite that go by their names
TBLITE_METHODS = ("GFN1-xTB", "GFN2-xTB")


class FrameLabels:
    """Labels frames and appends them to a file that `polcouple train potential` reads.

    Args:
        method: :data:`TBLITE_METHODS`, or ``MODULE:NAME`` of what gives a calculator of ASE when called. It
            must be the method that the network was trained on, or labels of two methods stand in one file.
        path: extended XYZ, appended to.

    Attributes:
        count: frames that were added.

    Raises:
        InputError: no such method, or what it needs is not installed.
    """

    def __init__(self, method: str, path: Path) -> None:
        self._method, self._path = method, path
        self._create = _calculators(method)
        self.count = 0

    def add(self, atoms: Atoms, known_energy: float, known_forces: np.ndarray) -> str | None:
        """Label ``atoms`` and append them; one line where the method fails, which adds nothing.

        Args:
            known_energy, known_forces: taken off the labels, eV and (n, 3) in eV/A: of the force field that
                the network is a difference to, or zero.
        """
        from ase.calculators.singlepoint import SinglePointCalculator
        from ase.io import write

        atoms = atoms.copy()
        atoms.calc = self._create()
        try:
            energy, forces = atoms.get_potential_energy(), atoms.get_forces()
        except Exception as error:  # whatever a calculator makes of atoms that it cannot do
            return f"{self._method} could not label a frame, which is left out: {error}"
        atoms.calc = SinglePointCalculator(atoms, energy=energy - known_energy, forces=forces - known_forces)
        write(self._path, atoms, format="extxyz", append=True)
        self.count += 1
        return None


def _calculators(method: str) -> Callable[[], object]:
    """What gives a new calculator of ASE."""
    if method in TBLITE_METHODS:
        try:
            from tblite.ase import TBLite
        except ImportError:
            raise InputError(f"labels by {method} need tblite: pip install 'polcouple[liquids]'") from None
        return lambda: TBLite(method=method, verbosity=0)
    module, colon, name = method.partition(":")
    if not colon:
        raise InputError(
            f"labels by '{method}': give {' or '.join(TBLITE_METHODS)}, or MODULE:NAME of a calculator of ASE"
        )
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise InputError(f"labels by '{method}': {error}; give MODULE:NAME of a calculator of ASE") from None
    if not callable(found):
        raise InputError(f"labels by '{method}': it cannot be called; give what makes a calculator of ASE")
    return found
