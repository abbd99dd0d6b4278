"""A case's energy, forces and charges as a calculator of ASE: eV, eV/Angstrom and e."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.constraints import FixAtoms

from polcouple.backends.base import ChargeBackend
from polcouple.backends.mobile import MobileBackend
from polcouple.case.model import Case
from polcouple.coupling.forces import Evaluation, ForceProvider
from polcouple.coupling.mobile import create_charges
from polcouple.engines.base import NATIVE
from polcouple.errors import InputError
from polcouple.units import ANGSTROM_TO_BOHR, BOHR_TO_ANGSTROM, DALTON_TO_ELECTRON_MASS, HARTREE_TO_EV


def case_atoms(case: Case) -> Atoms:
    """The case's atoms at their initial positions in Angstrom, with the electrode fixed.

    Masses are those of the case's force field; an electrode's atoms without one have their element's.
    """
    atoms = Atoms(
        case.symbols,
        case.positions * BOHR_TO_ANGSTROM,
        cell=case.cell * BOHR_TO_ANGSTROM,
        pbc=True,
        constraint=FixAtoms(case.electrode_indices),
    )
    masses = case.topology.masses / DALTON_TO_ELECTRON_MASS
    atoms.set_masses(np.where(masses > 0.0, masses, atoms.get_masses()))
    return atoms


class PolcoupleCalculator(Calculator):
    """Energy and forces of a case's atoms, with charges that a backend gives in every configuration.

    ``charges`` are those of all atoms: the electrode's by the backend, the liquid's by the force field.
    Forces on the electrode are zero; it must stay in its place, and the cell as it is. Forces are the
    derivatives of the energy where the backend is conservative (:mod:`polcouple.backends.capabilities`). What
    it warns of is a warning of Python's.

    Args:
        case: the system.
        backend: its name, or a backend for all of the case's electrodes.
        settings: of a backend that is named, over those of system.yaml.
        platform: that computes the forces: ``native``, or one of OpenMM.
        threads: of the processor, at most; None for all.

    Attributes:
        evaluation: the last answer in atomic units, with Fermi levels and what else a run writes along.

    Raises:
        InputError: unknown backend or setting, or atoms that are not the case's.
        ConvergenceError: the backend did not reach its accuracy.
    """

    implemented_properties = ["energy", "free_energy", "forces", "charges"]  # noqa: RUF012  (ASE's)

    def __init__(
        self,
        case: Case,
        backend: str | ChargeBackend | MobileBackend,
        settings: Mapping[str, Any] | None = None,
        *,
        platform: str = NATIVE,
        threads: int | None = None,
    ) -> None:
        super().__init__()
        if isinstance(backend, str):
            backend = create_charges(case, backend, settings)
        elif settings:
            raise InputError("settings go with the name of a backend; one that is made has its own")
        self._case = case
        self._provider = ForceProvider(case, backend, platform=platform, threads=threads)
        self._warned: set[str] = set()
        self.evaluation: Evaluation | None = None

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = tuple(all_changes),
    ) -> None:
        """See ASE."""
        super().calculate(atoms, properties, system_changes)
        self._require_atoms()
        positions = self.atoms.get_positions() * ANGSTROM_TO_BOHR
        evaluation = self._provider.evaluate(positions, self.atoms.cell.array * ANGSTROM_TO_BOHR)
        for text in sorted(self._provider.warnings - self._warned):
            warnings.warn(text, stacklevel=2)
        self._warned |= self._provider.warnings
        charges = self._case.charges.copy()
        charges[self._case.electrode_indices] = np.asarray(evaluation.extras["charges"])
        energy = evaluation.energy * HARTREE_TO_EV
        self.evaluation = evaluation
        self.results = {
            "energy": energy,
            "free_energy": energy,
            "forces": evaluation.forces * (HARTREE_TO_EV / BOHR_TO_ANGSTROM),
            "charges": charges,
        }

    def _require_atoms(self) -> None:
        """What the provider cannot see of the atoms.

        Raises:
            InputError: other elements, or a cell that is not periodic.
        """
        symbols = tuple(self.atoms.get_chemical_symbols())
        if len(symbols) == len(self._case) and symbols != self._case.symbols:
            pairs = enumerate(zip(symbols, self._case.symbols, strict=True))
            atom, (found, own) = next((i, pair) for i, pair in pairs if len({*pair}) > 1)
            raise InputError(f"atom {atom} is {found}, the case's is {own}; keep the case's atoms and order")
        if not self.atoms.pbc.all():
            raise InputError("the atoms are not periodic in all directions, the case is; set pbc=True")
