"""Density matrices of a frozen electrode's states: all occupied ones, or those in a window of energy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from polcouple.dftb.arrays import to_host
from polcouple.dftb.blocks import monkhorst_pack, planar_frame
from polcouple.dftb.hamiltonian import build_orbitals
from polcouple.dftb.orbital_grid import BlockDensity, OrbitalGrid
from polcouple.dftb.scf import FrozenElectrode
from polcouple.dftb.skf import Parameters
from polcouple.dftb.solution import Solution
from polcouple.dftb.wave_functions import Radial
from polcouple.electrode import Electrode


def density_matrices(
    frozen: FrozenElectrode, solution: Solution, window: tuple[float, float] | None = None
) -> list[BlockDensity]:
    """Of the electrons of ``solution``, or of all states, filled or not, in a window.

    Args:
        window: lowest and highest energy from the Fermi level in Hartree; a state counts with both spins.

    Returns:
        One for each block and k-point, always in the same order.
    """
    blocks, filling = frozen.states(solution)
    k_points, _ = monkhorst_pack(frozen.k_points)
    per_k, start, found = len(blocks) // len(k_points), 0, []
    for number, block in enumerate(blocks):
        energies = block.energies - filling.fermi_level
        shares = filling.occupations[start : start + len(block)]
        if window is not None:
            shares = ((energies >= window[0]) & (energies <= window[1])).astype(float)
        start += len(block)
        vectors = to_host(block.vectors)
        matrix = (vectors * (block.degeneracy * shares)) @ vectors.conj().T
        found.append(BlockDensity(k_points[number // per_k], block.orbitals, matrix))
    return found


def orbital_grid(
    electrode: Electrode,
    parameters: Parameters,
    shells: Mapping[str, Sequence[Radial]],
    shape: tuple[int, int, int],
) -> OrbitalGrid:
    """The grid for matrices of :func:`density_matrices` of an electrode of these parameters."""
    orbitals = build_orbitals(electrode.symbols, parameters)
    return OrbitalGrid(electrode, orbitals, shells, planar_frame(electrode.positions), shape)
