"""The terms of a case: of the water and ions of system.yaml, or of a force field in a file."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from polcouple.case.model import Case
from polcouple.engines.native import bonded
from polcouple.engines.native.terms import LennardJones, Listed, Terms, by_kind, lorentz_berthelot
from polcouple.units import ANGSTROM_TO_BOHR, BOHR_TO_ANGSTROM, KCAL_TO_KJ, KJ_PER_MOL_TO_HARTREE

_KCAL = KCAL_TO_KJ * KJ_PER_MOL_TO_HARTREE


@lru_cache(maxsize=4)
def terms_of_case(case: Case) -> Terms | str:
    """The terms of a case, or what of its force field cannot be had in arrays, and its file."""
    if case.given is None:
        return _water_and_ions(case)
    from polcouple.engines.native.given_terms import terms_of_file  # needs OpenMM

    return terms_of_file(case, case.given)


def _water_and_ions(case: Case) -> Terms:
    force_field, charges = case.parameters, case.charges
    cutoff = force_field.cutoff_angstrom * ANGSTROM_TO_BOHR
    switch = (force_field.switch_angstrom or force_field.cutoff_angstrom) * ANGSTROM_TO_BOHR

    def table(kinds: list[Any]) -> tuple[np.ndarray, np.ndarray]:
        sigma, epsilon = np.array(kinds).T
        return lorentz_berthelot(sigma * ANGSTROM_TO_BOHR, epsilon * _KCAL)

    of_atoms = [(one.sigma_angstrom, one.epsilon_kcal_per_mol) for one in case.lennard_jones]
    oxygens = case.water_oxygens
    excluded = np.concatenate([oxygens[:, None] + sides for sides in ((0, 1), (0, 2), (1, 2))])
    products = np.zeros((len(excluded), 3))
    products[:, 0] = -charges[excluded].prod(axis=1)
    lennard_jones = LennardJones(*by_kind(of_atoms, table), cutoff, switch, excluded)
    water, inside = force_field.water, []
    if water is not None and water.springs is not None:
        bonds = np.concatenate([excluded[: len(oxygens)], excluded[len(oxygens) : 2 * len(oxygens)]])
        angles = np.stack([oxygens + 1, oxygens, oxygens + 2], axis=1)
        bond = water.springs[0] * _KCAL * BOHR_TO_ANGSTROM**2, water.bond_length_angstrom * ANGSTROM_TO_BOHR
        angle = water.springs[1] * _KCAL, float(np.deg2rad(water.angle_degree))
        inside = [
            Listed(bonded.harmonic_bonds, bonds, np.tile(bond, (len(bonds), 1))),
            Listed(bonded.harmonic_angles, angles, np.tile(angle, (len(angles), 1))),
        ]
    return Terms(charges, lennard_jones, Listed(bonded.listed_pairs, excluded, products), tuple(inside))
