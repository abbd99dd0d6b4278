"""What the electrode does to the liquid, and nothing that the liquid does to itself.

For ``part: electrode``: another force field of i-PI gives the liquid's own forces, and i-PI adds the two.
This engine gives

- the Coulomb interaction of the electrode's charges and the liquid's
  (:mod:`polcouple.electrostatics.site_forces`),
- the Lennard-Jones interaction of the electrode's atoms and the liquid's, cut off and switched as the case
  says, or whatever else a force field in a file has between them,
- the case's walls, which hold the liquid's atoms,
- the field D or E of a slab in whole, that of the liquid's own dipole moment included;

so the liquid is left with its bonds and the interactions among its own atoms in the periodic cell. With those
it is what the other engines give for ``all``.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from polcouple.case.case import Case
from polcouple.electrostatics.site_forces import FINEST, SiteForces
from polcouple.electrostatics.tasks import available_threads
from polcouple.engines.external import add_slab, add_to_atoms, add_walls
from polcouple.engines.native.tuning import FIELD
from polcouple.engines.site_lennard_jones import SiteLennardJones
from polcouple.errors import InputError


class _Pairs(Protocol):
    """What acts between pairs of an electrode's atom and a liquid's."""

    def add(self, positions: np.ndarray, forces: np.ndarray) -> float:
        """Add the forces (N, 3) on the atoms at ``positions`` (N, 3); returns the energy; atomic units."""
        ...


def _pairs(case: Case, threads: int) -> _Pairs:
    if case.given is None:
        return SiteLennardJones(case, threads)
    from polcouple.engines.given_pairs import GivenPairs  # needs OpenMM

    return GivenPairs(case, threads)


class ElectrodeEngine:
    """Energies and forces of the electrode on the liquid; see :class:`polcouple.engines.base.Engine`.

    Args:
        case: the system; forces are as accurate as its ``ewald_tolerance`` says.
        threads: at most; None for all processors.

    Raises:
        InputError: an accuracy that cannot be had.
    """

    def __init__(self, case: Case, threads: int | None = None) -> None:
        tolerance = case.system.force_field.ewald_tolerance
        if tolerance * FIELD < FINEST:
            raise InputError(
                f"force_field.ewald_tolerance {tolerance:g}: part: electrode is good to {FINEST / FIELD:.1e};"
                " raise it"
            )
        threads = threads or available_threads()
        self._case = case
        sites = case.electrode.positions
        self._coulomb = SiteForces(sites, case.lattice, tolerance * FIELD, threads)
        self._pairs = _pairs(case, threads)
        self._charges = np.zeros(len(sites))

    def set_charges(self, charges: np.ndarray) -> None:
        """Replace the electrode's charges, (n_electrode,) in e."""
        self._charges = np.array(charges, dtype=float)

    def evaluate(self, positions: np.ndarray, replica: int = 0) -> tuple[float, np.ndarray]:
        """See :class:`polcouple.engines.base.Engine`; nothing is kept of a replica."""
        positions = np.ascontiguousarray(positions, dtype=float)
        forces = np.zeros((len(positions), 3))
        energy, pulls = self._coulomb(
            self._charges, self._case.electrolyte_positions(positions), self._case.electrolyte.charges
        )
        add_to_atoms(self._case, pulls, positions, forces)
        energy += self._pairs.add(positions, forces)
        energy += add_walls(self._case, positions, forces)
        energy += add_slab(self._case, self._charges, positions, forces)
        forces[self._case.electrode_indices] = 0.0
        return energy, forces
