"""DFTB of atoms that move as a calculator of ASE: eV, eV/Angstrom and e."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes

from polcouple.dftb.moving.dftb import NOTHING, DftbResult, MovingDftb
from polcouple.dftb.moving.ensemble import Ensemble, FermiLevel
from polcouple.dftb.moving.surroundings import PointCharges
from polcouple.dftb.parameter_sets import find_slako
from polcouple.dftb.skf import DEFAULT_SLAKO
from polcouple.errors import ConvergenceError, InputError
from polcouple.units import ANGSTROM_TO_BOHR, BOHR_TO_ANGSTROM, HARTREE_TO_EV, KELVIN_TO_HARTREE

#: calls may continue the last ones if no atom moved further between them (bohr)
_CLOSE = 0.5


class DftbCalculator(Calculator):
    """Energy and forces of atoms that all move, at a total charge or a Fermi level.

    ``energy`` and ``free_energy`` are what the forces are derivatives of, and what dynamics conserves
    together with the kinetic energy: E - TS at a total charge, E - TS - mu N at a Fermi level. Atoms are
    periodic in all directions or in none. What the parameters warn of is a warning of Python's.

    Args:
        ensemble: what is held, a :class:`TotalCharge` or a :class:`FermiLevel` (Hartree); may be replaced.
        slako: name of an installed set with repulsive energies, or a directory.
        temperature_kelvin: of the electrons.
        k_points: Monkhorst-Pack mesh.
        shell_resolved: a charge fluctuation and a Hubbard U for every shell.
        point_charges: around the atoms, in bohr and e; may be replaced.
        accuracy: of self-consistency, e.
        max_cycles: diagonalisations after which a calculation counts as not converged.

    Attributes:
        result: the last answer in atomic units, with every energy and the forces on the point charges.

    Raises:
        InputError: parameters missing, or atoms that cannot be computed.
        ConvergenceError: self-consistency was not reached.
    """

    implemented_properties = ["energy", "free_energy", "forces", "charges"]  # noqa: RUF012  (ASE's)

    def __init__(
        self,
        ensemble: Ensemble,
        slako: Path | str = DEFAULT_SLAKO,
        *,
        temperature_kelvin: float = 300.0,
        k_points: tuple[int, int, int] = (1, 1, 1),
        shell_resolved: bool = False,
        point_charges: PointCharges = NOTHING,
        accuracy: float = 1e-6,
        max_cycles: int = 100,
    ) -> None:
        super().__init__()
        self._ensemble, self._point_charges = ensemble, point_charges
        self.result: DftbResult | None = None
        self._slako = find_slako(slako, Path())
        self._settings = (temperature_kelvin * KELVIN_TO_HARTREE, self._slako, k_points, shell_resolved)
        self._accuracy, self._max_cycles = accuracy, max_cycles
        self._dftb: MovingDftb | None = None
        self._symbols: tuple[str, ...] = ()
        self._last: np.ndarray | None = None

    @property
    def ensemble(self) -> Ensemble:
        """What is held."""
        return self._ensemble

    @ensemble.setter
    def ensemble(self, ensemble: Ensemble) -> None:
        self._ensemble = ensemble
        self.reset()

    @property
    def point_charges(self) -> PointCharges:
        """Around the atoms."""
        return self._point_charges

    @point_charges.setter
    def point_charges(self, point_charges: PointCharges) -> None:
        self._point_charges = point_charges
        self.reset()

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = tuple(all_changes),
    ) -> None:
        """See ASE."""
        super().calculate(atoms, properties, system_changes)
        if self.atoms.pbc.any() != self.atoms.pbc.all():
            raise InputError(f"pbc = {self.atoms.pbc.tolist()}: periodic in all directions or in none")
        dftb = self._made(tuple(self.atoms.get_chemical_symbols()))
        positions = self.atoms.get_positions() * ANGSTROM_TO_BOHR
        cell = self.atoms.cell.array * ANGSTROM_TO_BOHR if self.atoms.pbc.all() else None
        result = dftb.solve(
            positions,
            cell,
            self.ensemble,
            self.point_charges,
            self._start(positions),
            self._accuracy,
            self._max_cycles,
        )
        if not result.converged:
            raise ConvergenceError(
                f"dftb: not converged in {result.iterations} cycles, populations change by"
                f" {result.residual:.1e} e; raise the temperature of the electrons"
            )
        self.result, self._last = result, positions
        held = isinstance(self.ensemble, FermiLevel)
        energy = (result.grand_potential if held else result.free_energy) * HARTREE_TO_EV
        self.results = {
            "energy": energy,
            "free_energy": energy,
            "forces": result.forces * (HARTREE_TO_EV / BOHR_TO_ANGSTROM),
            "charges": result.charges,
        }

    def _made(self, symbols: tuple[str, ...]) -> MovingDftb:
        if self._dftb is None or symbols != self._symbols:
            self._dftb, self._symbols, self._last = MovingDftb(symbols, *self._settings), symbols, None
            for text in self._dftb.warnings:
                warnings.warn(text, stacklevel=3)
        return self._dftb

    def _start(self, positions: np.ndarray) -> np.ndarray | None:
        """Populations of the last call if it was nearby."""
        if self.result is None or self._last is None or np.abs(positions - self._last).max() > _CLOSE:
            return None
        return self.result.populations
