"""What acts between electrodes and liquid by a force field in a file, but for Coulomb forces: by OpenMM."""

from __future__ import annotations

import numpy as np
import openmm

from polcouple.case.case import Case
from polcouple.engines.openmm import create_context
from polcouple.engines.openmm_given import electrode_pairs
from polcouple.engines.openmm_parts import Particles
from polcouple.units import BOHR_TO_NM, KJ_PER_MOL_NM_TO_HARTREE_PER_BOHR, KJ_PER_MOL_TO_HARTREE

#: every installation has it
_PLATFORM = "CPU"


class GivenPairs:
    """Energy and forces of Lennard-Jones terms and whatever else the file has between pairs of particles.

    Args:
        case: the system.
        threads: at most.
    """

    def __init__(self, case: Case, threads: int) -> None:
        self._particles = Particles(case)
        system = electrode_pairs(case)
        self._context = create_context(system, openmm.VerletIntegrator(0.001), _PLATFORM, threads)

    def add(self, positions: np.ndarray, forces: np.ndarray) -> float:
        """Add the forces on all atoms; returns the energy in Hartree.

        Args:
            positions: (N, 3) in bohr, any image of an atom.
            forces: (N, 3) in Hartree/bohr.
        """
        self._context.setPositions(self._particles.positions(positions) * BOHR_TO_NM)
        self._particles.compute_sites(self._context)
        state = self._context.getState(getEnergy=True, getForces=True)
        own = self._particles.of_atoms(state.getForces(asNumpy=True)._value)
        forces += own * KJ_PER_MOL_NM_TO_HARTREE_PER_BOHR
        return float(state.getPotentialEnergy()._value * KJ_PER_MOL_TO_HARTREE)
