"""Electrostatics of a 3D-periodic cell by the plain Ewald sum: slow, simple, trusted.

The kernel is the potential at r of a unit point charge, its periodic images and the uniform background that
neutralises them (tin-foil boundary), with zero average over the cell,

    psi(r) = sum_L erfc(alpha |r + L|) / |r + L|
           + 4 pi / V sum_{G != 0} exp(-G^2 / (4 alpha^2)) / G^2 cos(G . r)
           - pi / (alpha^2 V)

and the value at r = 0 without the charge itself is

    psi_0 = lim_{r -> 0} (psi(r) - 1 / |r|)

which adds -2 alpha / sqrt(pi) to the sums. Neither depends on alpha. All lattices are allowed.

Sources: P. P. Ewald, Ann. Phys. 369, 253 (1921); background term: J. Kolafa and J. W. Perram, Mol. Simul. 9,
351 (1992) and G. Hummer, L. R. Pratt, A. E. Garcia, J. Phys. Chem. 100, 1206 (1996).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree
from scipy.special import erfc

from polcouple.errors import InputError
from polcouple.lattice.cell import check_cell, lattice_images

#: array elements worked on at once; bounds the memory to some 100 MB
_CHUNK = 2_000_000

#: time of a real-space pair over that of a reciprocal-space phase: moves work, not results
_PAIR_COST = 10.0


@dataclass(frozen=True)
class Split:
    """Splitting parameter ``alpha`` (1/bohr), real-space (bohr) and reciprocal (1/bohr) cut-offs."""

    alpha: float
    r_cut: float
    k_cut: float


def ewald_matrix(
    positions: np.ndarray, cell: np.ndarray, accuracy: float = 1e-12, alpha: float | None = None
) -> np.ndarray:
    """Kernel psi(r_i - r_j) between all pairs of atoms; see :func:`ewald_columns`.

    Returns:
        (n, n) symmetric, in 1/bohr.
    """
    matrix = ewald_columns(positions, cell, np.arange(len(positions)), accuracy, alpha)
    return 0.5 * (matrix + matrix.T)


def ewald_columns(
    positions: np.ndarray,
    cell: np.ndarray,
    columns: np.ndarray,
    accuracy: float = 1e-12,
    alpha: float | None = None,
) -> np.ndarray:
    """Kernel psi(r_i - r_j) between all atoms i and some j.

    Of an atom with itself it is psi_0, the interaction with its own images and the background, so that with A
    of all columns E = 1/2 q^T A q is the energy of the charges q and A q their potentials.

    Args:
        positions: (n, 3) in bohr, in any lattice image.
        cell: (3, 3) in bohr, one lattice vector per row.
        columns: (m,) the atoms j.
        accuracy: truncation of both sums in 1/bohr.
        alpha: splitting parameter in 1/bohr; chosen for speed when None.

    Returns:
        (n, m) in 1/bohr.

    Raises:
        InputError: degenerate cell, values that are not finite, or two atoms at the same place.
    """
    positions, cell = _checked(positions, cell)
    n, m = len(positions), len(columns)
    split = choose_split(cell, n * m, n + n * m / 20.0, accuracy, alpha)
    pairs = np.zeros(n * m)
    for i, j, displacements in _close_pairs(positions, positions[columns], cell, split.r_cut, own=columns):
        r = np.sqrt(np.einsum("px,px->p", displacements, displacements))
        pairs += np.bincount(i * m + j, erfc(split.alpha * r) / r, minlength=n * m)
    matrix = pairs.reshape(n, m)
    for k_vectors, weights in reciprocal(cell, split, n):
        phases = positions @ k_vectors.T
        for wave in (np.cos(phases), np.sin(phases)):
            matrix += (wave * weights) @ wave[columns].T
    matrix += background(cell, split)
    matrix[columns, np.arange(m)] -= 2.0 * split.alpha / np.sqrt(np.pi)
    return matrix


def ewald_potential(
    sites: np.ndarray,
    positions: np.ndarray,
    charges: np.ndarray,
    cell: np.ndarray,
    accuracy: float = 1e-12,
    alpha: float | None = None,
) -> np.ndarray:
    """Potential sum_j q_j psi(s_i - r_j) of periodic charges at sites that carry none of them.

    Args:
        sites: (n, 3) in bohr.
        positions: (m, 3) in bohr, in any lattice image.
        charges: (m,) in e.
        cell: (3, 3) in bohr, one lattice vector per row.
        accuracy: truncation of both sums for a unit charge, in Hartree/e.
        alpha: splitting parameter in 1/bohr; chosen for speed when None.

    Returns:
        (n,) in Hartree/e.

    Raises:
        InputError: degenerate cell, values that are not finite, or a charge at a site.
    """
    sites, cell = _checked(sites, cell)
    positions, cell = _checked(positions, cell)
    n, m = len(sites), len(positions)
    split = choose_split(cell, n * m, n + m, accuracy, alpha)
    potentials = np.full(n, background(cell, split) * charges.sum())
    for i, j, displacements in _close_pairs(sites, positions, cell, split.r_cut, own=None):
        r = np.sqrt(np.einsum("px,px->p", displacements, displacements))
        potentials += np.bincount(i, charges[j] * erfc(split.alpha * r) / r, minlength=n)
    for k_vectors, weights in reciprocal(cell, split, n + m):
        structure = np.exp(1j * (k_vectors @ positions.T)) @ charges
        potentials += (np.exp(-1j * (sites @ k_vectors.T)) @ (weights * structure)).real
    return potentials


def ewald_energy_forces(
    positions: np.ndarray,
    charges: np.ndarray,
    cell: np.ndarray,
    accuracy: float = 1e-12,
    alpha: float | None = None,
) -> tuple[float, np.ndarray]:
    """Coulomb energy of a periodic set of point charges, and the forces.

    Args:
        positions: (n, 3) in bohr, in any lattice image.
        charges: (n,) in e; the background neutralises their sum.
        cell: (3, 3) in bohr, one lattice vector per row.
        accuracy: truncation of both sums for a unit charge, in Hartree.
        alpha: splitting parameter in 1/bohr; chosen for speed when None.

    Returns:
        Energy in Hartree and forces (n, 3) in Hartree/bohr.

    Raises:
        InputError: degenerate cell, values that are not finite, or two atoms at the same place.
    """
    positions, cell = _checked(positions, cell)
    n = len(positions)
    split = choose_split(cell, n * n, n, accuracy, alpha)
    alpha = split.alpha
    energy = 0.5 * background(cell, split) * charges.sum() ** 2
    energy -= alpha / np.sqrt(np.pi) * float(charges @ charges)
    forces = np.zeros((n, 3))
    for i, j, displacements in _close_pairs(positions, positions, cell, split.r_cut, own=np.arange(n)):
        r = np.sqrt(np.einsum("px,px->p", displacements, displacements))
        qq = charges[i] * charges[j]
        screened = erfc(alpha * r) / r
        energy += 0.5 * float(qq @ screened)
        slope = qq * (screened + 2.0 * alpha / np.sqrt(np.pi) * np.exp(-((alpha * r) ** 2))) / r**2
        for axis in range(3):
            forces[:, axis] += np.bincount(i, slope * displacements[:, axis], minlength=n)
    for k_vectors, weights in reciprocal(cell, split, n):
        waves = np.exp(1j * (positions @ k_vectors.T))
        structure = charges @ waves
        energy += 0.5 * float(weights @ (structure.real**2 + structure.imag**2))
        slopes = (waves * (weights * structure.conj())).imag
        forces += charges[:, None] * (slopes @ k_vectors)
    return float(energy), forces


def ewald_forces_between(
    sites: np.ndarray,
    site_charges: np.ndarray,
    positions: np.ndarray,
    charges: np.ndarray,
    cell: np.ndarray,
    accuracy: float = 1e-12,
) -> tuple[np.ndarray, np.ndarray]:
    """Forces between two sets of periodic point charges, those within a set left out.

    They are the derivatives of sum_i Q_i phi_i with phi from :func:`ewald_potential`; arguments and errors as
    there, ``site_charges`` (n,) in e.

    Returns:
        Forces on the sites (n, 3) and on the charges (m, 3) in Hartree/bohr.
    """
    sites, cell = _checked(sites, cell)
    positions, cell = _checked(positions, cell)
    n, m = len(sites), len(positions)
    split = choose_split(cell, n * m, n + m, accuracy, None)
    alpha = split.alpha
    on_sites, on_charges = np.zeros((n, 3)), np.zeros((m, 3))
    for i, j, displacements in _close_pairs(sites, positions, cell, split.r_cut, own=None):
        r = np.sqrt(np.einsum("px,px->p", displacements, displacements))
        screened = erfc(alpha * r) / r + 2.0 * alpha / np.sqrt(np.pi) * np.exp(-((alpha * r) ** 2))
        slope = site_charges[i] * charges[j] * screened / r**2
        for axis in range(3):
            on_sites[:, axis] += np.bincount(i, slope * displacements[:, axis], minlength=n)
            on_charges[:, axis] -= np.bincount(j, slope * displacements[:, axis], minlength=m)
    for k_vectors, weights in reciprocal(cell, split, n + m):
        at_sites, at_charges = np.exp(1j * (sites @ k_vectors.T)), np.exp(1j * (positions @ k_vectors.T))
        of_sites, of_charges = site_charges @ at_sites, charges @ at_charges
        on_sites += site_charges[:, None] * ((at_sites * (weights * of_charges.conj())).imag @ k_vectors)
        on_charges += charges[:, None] * ((at_charges * (weights * of_sites.conj())).imag @ k_vectors)
    return on_sites, on_charges


def _checked(positions: np.ndarray, cell: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    positions = np.asarray(positions, dtype=float)
    cell = np.asarray(cell, dtype=float)
    if not np.isfinite(positions).all():
        bad = int(np.argmin(np.isfinite(positions).all(axis=1)))
        raise InputError(f"position of atom {bad} (from 0) is not finite: {positions[bad]}")
    check_cell(cell)
    return positions, cell


def choose_split(
    cell: np.ndarray, n_pairs: float, n_phases: float, accuracy: float, alpha: float | None
) -> Split:
    """Cut both sums where their Gaussians have fallen to ``accuracy``; balance the work of the two.

    Real space costs n_pairs 4 pi r_cut^3 / (3 V) pairs, reciprocal space n_phases V k_cut^3 / (12 pi^2)
    phases.
    """
    reach = np.sqrt(-np.log(min(accuracy, 1e-2))) + 0.3
    volume = abs(np.linalg.det(cell))
    if alpha is None:
        ratio = _PAIR_COST * n_pairs / max(n_phases, 1.0)
        alpha = float((2.0 * np.pi**3 * ratio / volume**2) ** (1.0 / 6.0))
    return Split(alpha, reach / alpha, 2.0 * alpha * reach)


def background(cell: np.ndarray, split: Split) -> float:
    """What the neutralising background adds to the kernel, in 1/bohr."""
    return -np.pi / (split.alpha**2 * abs(float(np.linalg.det(cell))))


def reciprocal(cell: np.ndarray, split: Split, n: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Half the reciprocal vectors (k, 3) and weights 8 pi / V exp(-G^2 / 4 alpha^2) / G^2, in blocks.

    Phases of ``n`` charges with a block's vectors fit into memory.
    """
    lattice = 2.0 * np.pi * np.linalg.inv(cell).T
    limits = np.floor(split.k_cut * np.linalg.norm(cell, axis=1) / (2.0 * np.pi)).astype(int)
    axes = [np.arange(-limit, limit + 1) for limit in limits]
    index = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    index = index[len(index) // 2 + 1 :]
    vectors = index @ lattice
    squares = np.einsum("kx,kx->k", vectors, vectors)
    inside = squares <= split.k_cut**2
    vectors, squares = vectors[inside], squares[inside]
    volume = abs(np.linalg.det(cell))
    weights = 8.0 * np.pi / volume * np.exp(-squares / (4.0 * split.alpha**2)) / squares
    step = max(1, _CHUNK // max(n, 1))
    for start in range(0, len(vectors), step):
        yield vectors[start : start + step], weights[start : start + step]


def _close_pairs(
    sites: np.ndarray, sources: np.ndarray, cell: np.ndarray, r_cut: float, own: np.ndarray | None
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Blocks of (site index, source index, site - source image) of all image pairs closer than ``r_cut``.

    Sources that are sites themselves have their indices in ``own``, and pairs with themselves are left out.
    """
    inverse = np.linalg.inv(cell)
    sites_fractional, sources_fractional = sites @ inverse, sources @ inverse
    sites_fractional = sites_fractional - np.floor(sites_fractional)
    sources_fractional = sources_fractional - np.floor(sources_fractional)
    ghosts, origin = lattice_images(sources_fractional, r_cut * np.linalg.norm(inverse, axis=0))
    ghosts = ghosts @ cell
    wrapped = sites_fractional @ cell
    tree = cKDTree(ghosts)
    expected = 4.0 / 3.0 * np.pi * r_cut**3 * len(sources) / abs(np.linalg.det(cell))
    step = int(max(1, min(len(sites), _CHUNK // max(3.0 * expected, 1.0))))
    for start in range(0, len(sites), step):
        block = wrapped[start : start + step]
        found = cKDTree(block).sparse_distance_matrix(tree, r_cut, output_type="coo_matrix")
        i, j, r = found.row.astype(np.intp) + start, origin[found.col], found.data
        touching = r < 1e-8
        if own is not None:
            touching &= i != own[j]
        if touching.any():
            pair = int(np.argmax(touching))
            names, other = ("site", "and charge"), j[pair]
            if own is not None:
                names, other = ("atoms", "and"), own[j[pair]]
            raise InputError(f"{names[0]} {i[pair]} {names[1]} {other} (from 0) lie at the same place")
        keep = r >= 1e-8
        yield i[keep], j[keep], block[found.row[keep]] - ghosts[found.col[keep]]
