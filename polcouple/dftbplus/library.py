"""DFTB+ inside this process: the Python interface of libdftbplus, with our own site potentials.

Without files between us and DFTB+, and without its set-up of the point charges. Written against the
documentation of the interface and its tests (tools/pythonapi and test/src/dftbp/api/pyapi of DFTB+ 25.1):
``set_external_potential`` takes the potential felt by an electron, so minus ours; ``get_energy`` is the
Mermin free energy; positive gross charges lack electrons. The interface has no Fermi level, and where DFTB+
stops with an error (SCC cycles that do not converge, for one) it stops this process.
"""

from __future__ import annotations

import importlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from polcouple.dftbplus.input import InputWriter
from polcouple.electrode import Electrode
from polcouple.errors import InputError


class LibraryRunner:
    """A calculator that stays alive between calls, and starts from its own last charges.

    Args:
        electrode: its geometry.
        writer: of the input, which is read once for each total charge.
        library: path of libdftbplus; None leaves it to the package to find.

    Raises:
        InputError: the Python package ``dftbplus`` is not installed.
    """

    def __init__(self, electrode: Electrode, writer: InputWriter, library: Path | None) -> None:
        try:
            self._package = importlib.import_module("dftbplus")
        except ImportError:
            raise InputError(
                "interface: library needs the Python package 'dftbplus' (conda install -c conda-forge"
                " dftbplus-python); use interface: files with the program dftb+, or --backend dftb"
            ) from None
        self._electrode = electrode
        self._writer = writer
        self._library = library
        self._calculator: Any = None
        self._total_charge = np.nan
        self._directory = tempfile.TemporaryDirectory(prefix="polcouple-dftbplus-")

    def solve(self, site_potentials: np.ndarray, total_charge: float) -> tuple[np.ndarray, float]:
        """Charges (n,) in e and Mermin free energy in Hartree in the potentials (n,) in Hartree/e."""
        with _inside(Path(self._directory.name)):
            if total_charge != self._total_charge:
                self._start(total_charge)
            self._calculator.set_external_potential(np.ascontiguousarray(-site_potentials))
            energy = float(self._calculator.get_energy())
            return np.array(self._calculator.get_gross_charges()), energy

    def _start(self, total_charge: float) -> None:
        """A new calculator, in the current directory."""
        if self._calculator is not None:
            self._calculator.close()
        self._writer.write(Path(), total_charge, np.empty((0, 3)), np.empty(0))
        self._calculator = self._package.DftbPlus(
            libpath=None if self._library is None else str(self._library),
            hsdpath="dftb_in.hsd",
            logfile="dftb.out",
        )
        electrode = self._electrode
        cell = np.ascontiguousarray(electrode.cell) if any(electrode.pbc) else None
        self._calculator.set_geometry(np.ascontiguousarray(electrode.positions), cell)
        self._total_charge = total_charge


@contextmanager
def _inside(directory: Path) -> Iterator[None]:
    """Work in ``directory``, where the library reads and writes."""
    before = Path.cwd()
    os.chdir(directory)
    try:
        yield
    finally:
        os.chdir(before)
