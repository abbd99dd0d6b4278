"""Quantum capacitance: what it costs an electrode to fill its levels, apart from its electrostatics.

The Fermi level mu of an electrode is that of its levels in the electrostatic potential that charges make.
With V the mean potential energy of an electron at the electrode's atoms, V = -<gamma q + phi>, the filling

    x = (mu - V) - (mu - V of the neutral electrode),     C_q = e^2 dN/dx = -dQ/dx,     C_int = -Q / x

is independent of where the countercharges are (S. Luryi, Appl. Phys. Lett. 52, 501 (1988); J. Xia et al.,
Nat. Nanotechnol. 4, 505 (2009)). In an electrode whose atoms are all alike V is the same at each of them,
the bands are rigid, and C_q is the density of levels at the Fermi level, broadened by k_B T. Where atoms
differ, charge redistributes as the electrode fills, and the self-consistent answer differs from the rigid.

Meshes must be dense: levels of a sheet lie apart by h v / (2 L) for L the length of the cell times its
k-points, and only when that is well below pi k_B T does their sum become the integral.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from polcouple.dftb.bands import Levels
from polcouple.dftb.filling import added_electrons, fermi_filling, level_density
from polcouple.dftb.scf import FrozenElectrode
from polcouple.errors import InputError


@dataclass(frozen=True, eq=False)
class QuantumCapacitance:
    """Of one electrode, all of it; divide capacitances by its area.

    Attributes:
        fillings: (m,) x in Hartree.
        charges: (m,) Q in e.
        differential: (m,) C_q = -dQ/dx in e^2/Hartree.
    """

    fillings: np.ndarray
    charges: np.ndarray
    differential: np.ndarray

    @property
    def integral(self) -> np.ndarray:
        """(m,) -Q/x in e^2/Hartree; of the neutral electrode, where it has the same limit, C_q."""
        neutral = self.fillings == 0.0
        return np.where(neutral, self.differential, -self.charges / np.where(neutral, 1.0, self.fillings))


def rigid(levels: Levels, temperature: float, fillings: np.ndarray) -> QuantumCapacitance:
    """From the levels of the neutral electrode, filled or emptied as they are.

    Args:
        levels: on a dense mesh of k-points.
        temperature: k_B T in Hartree.
        fillings: (m,) in Hartree.
    """
    shell = levels.energies, levels.degeneracies, levels.electrons
    neutral = fermi_filling(*shell, temperature).fermi_level
    fermi_levels = [neutral + float(filling) for filling in fillings]
    charges = [-added_electrons(*shell, level, temperature) for level in fermi_levels]
    densities = [
        levels.degeneracies @ level_density(level, levels.energies, temperature) for level in fermi_levels
    ]
    return QuantumCapacitance(np.asarray(fillings, dtype=float), np.array(charges), np.array(densities))


def self_consistent(electrode: FrozenElectrode, charges: Sequence[float]) -> QuantumCapacitance:
    """At given total charges (e), each solved without surroundings.

    1/C_q is the hardness less its electrostatic part, d(V)/dN = <gamma F> with the Fukui function F.

    Raises:
        ConvergenceError: a calculation does not converge.
        InputError: charges are resolved by shell.
    """
    neutral = neutral_filling(electrode)
    fillings, densities = [], []
    for charge in charges:
        solution, response = electrode.bare_reference(charge)
        electrostatic = float(electrode.mean_interaction @ response.fukui)
        fillings.append(solution.fermi_level + mean_potential(electrode, solution.charges) - neutral)
        densities.append(1.0 / (response.hardness - electrostatic))
    return QuantumCapacitance(np.array(fillings), np.array(charges, dtype=float), np.array(densities))


def neutral_filling(electrode: FrozenElectrode) -> float:
    """mu - V of the neutral electrode without surroundings in Hartree.

    Raises:
        ConvergenceError: it does not converge.
        InputError: charges are resolved by shell.
    """
    solution, _ = electrode.bare_reference(0.0)
    return solution.fermi_level + mean_potential(electrode, solution.charges)


def mean_potential(
    electrode: FrozenElectrode, charges: np.ndarray, site_potentials: np.ndarray | float = 0.0
) -> float:
    """Mean electrostatic potential at the atoms, <gamma q + phi>, in Hartree/e.

    Args:
        charges: (n_atoms,) of the electrode in e.
        site_potentials: (n_atoms,) of its surroundings in Hartree/e.

    Raises:
        InputError: charges are resolved by shell, and there are several potentials at an atom.
    """
    interaction = electrode.mean_interaction
    if len(interaction) != len(charges):
        raise InputError("the quantum capacitance needs charges by atom; leave shell_resolved out")
    return float(interaction @ charges + np.mean(site_potentials))


def cone_capacitance(fillings: np.ndarray, temperature: float, velocity: float, area: float) -> np.ndarray:
    """C_q of the Dirac cone, two bands E = +-v k with spin and valley, in e^2/Hartree.

    C_q = 2 A k_B T / (pi v^2) ln[2 + 2 cosh(x / k_B T)], at zero temperature 2 A |x| / (pi v^2)
    (T. Fang et al., Appl. Phys. Lett. 91, 092109 (2007)).

    Args:
        fillings: x in Hartree.
        temperature: k_B T in Hartree.
        velocity: hbar v in Hartree bohr.
        area: A in bohr^2.
    """
    ratio = np.abs(fillings) / temperature
    logarithm = ratio + 2.0 * np.log1p(np.exp(-ratio))
    return np.asarray(2.0 * area * temperature / (np.pi * velocity**2) * logarithm)
