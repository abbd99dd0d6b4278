"""Two-centre blocks of Hamiltonian and overlap between pairs of atoms, and what they change with the bond.

The integrals of a pair are diagonal in m when the bond is the z axis. Rotating real spherical harmonics by
the bond's rotation matrix gives them in the laboratory frame,

    B_mm' = <a l m| H |b l' m'> = sum_mu D^l_{m mu} h_{l l' |mu|}(R) D^l'_{m' mu}

(J. C. Slater and G. F. Koster, Phys. Rev. 94, 1498 (1954)). D^1 is the rotation matrix itself, and D^2
follows from it because d functions are the symmetric traceless products of two vectors.

A bond vector R that turns by the small angle w turns the block with it, dB = w . (L B - B L), where L are the
generators of rotations of the harmonics, L = dD/dw. So the gradient of a sum G : B with fixed G needs no
derivative of a rotation matrix,

    d(G : B)/dR = R/|R| G : B'(|R|) + (t x R) / R^2,      t = G : (L B - B L),

with B' the block of the slopes h'.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from polcouple.dftb import _pair_kernels as kernels
from polcouple.dftb.skf import COLUMNS, Parameters

#: p functions in the order m = -1, 0, 1 are y, z, x
_YZX = [1, 2, 0]


@dataclass(frozen=True, eq=False)
class PairBlocks:
    """Blocks of the pairs between two elements.

    Attributes:
        pairs: (p,) which of the pairs given.
        vectors: (p, 3) from the first atom to the second in bohr.
        values: (2, p, n_a, n_b), Hamiltonian (Hartree) and overlap.
        slopes: their derivatives with the distance while the bond keeps its direction.
    """

    pairs: np.ndarray
    vectors: np.ndarray
    values: np.ndarray
    slopes: np.ndarray

    def gradient(self, weights: np.ndarray) -> np.ndarray:
        """Derivatives (p, 3) with the vectors of the sum of ``weights`` (2, p, n_a, n_b) times values."""
        gradients = np.empty_like(self.vectors)
        kernels.block_gradients(self.vectors, self.values, self.slopes, weights, _GENERATORS, gradients)
        return gradients


def pairs_of_kinds(
    symbols: Sequence[str], first: np.ndarray, second: np.ndarray
) -> dict[tuple[str, str], np.ndarray]:
    """Indices of the pairs of atoms ``first`` and ``second`` (p,) of each two elements, in this order."""
    names = sorted(set(symbols))
    kind = np.array([names.index(symbol) for symbol in symbols], dtype=int)
    code = kind[first] * len(names) + kind[second]
    order = np.argsort(code, kind="stable")
    bounds = np.searchsorted(code[order], np.arange(len(names) ** 2 + 1))
    both = [(a, b) for a in names for b in names]
    return {ab: order[i:j] for ab, i, j in zip(both, bounds[:-1], bounds[1:], strict=True)}


def pair_blocks(
    parameters: Parameters,
    symbols: Sequence[str],
    first: np.ndarray,
    second: np.ndarray,
    vectors: np.ndarray,
) -> list[PairBlocks]:
    """Blocks of the pairs of atoms ``first`` and ``second`` (p,) of ``symbols`` that lie ``vectors`` apart.

    Pairs out of reach are left out.
    """
    distance = np.linalg.norm(vectors, axis=1)
    found = []
    for (a, b), own in pairs_of_kinds(symbols, first, second).items():
        reach = max(parameters.pairs[a, b].cutoff, parameters.pairs[b, a].cutoff)
        chosen = own[distance[own] < reach]
        if len(chosen):
            found.append(_blocks(parameters, a, b, chosen, vectors[chosen], distance[chosen]))
    return found


def _blocks(
    parameters: Parameters,
    a: str,
    b: str,
    pairs: np.ndarray,
    vectors: np.ndarray,
    distances: np.ndarray,
) -> PairBlocks:
    shells_a, shells_b = parameters.atoms[a].n_shells, parameters.atoms[b].n_shells
    of_ab = parameters.pairs[a, b].interpolate(distances)
    of_ba = of_ab if a == b else parameters.pairs[b, a].interpolate(distances)
    blocks = np.empty((2, 2, len(pairs), shells_a**2, shells_b**2))
    kernels.rotate_blocks(vectors, of_ab, of_ba, _FIRST_COLUMN, shells_a, shells_b, _D_TENSORS, blocks)
    return PairBlocks(pairs, vectors, *blocks)


def _d_tensors() -> np.ndarray:
    """(5, 3, 3): d functions m = -2 .. 2 as symmetric traceless tensors."""
    r2, r6 = np.sqrt(0.5), np.sqrt(1.0 / 6.0)
    tensors = np.zeros((5, 3, 3))
    tensors[0, 0, 1] = tensors[0, 1, 0] = r2
    tensors[1, 1, 2] = tensors[1, 2, 1] = r2
    tensors[2] = np.diag([-r6, -r6, 2.0 * r6])
    tensors[3, 0, 2] = tensors[3, 2, 0] = r2
    tensors[4] = np.diag([r2, -r2, 0.0])
    return tensors


_D_TENSORS = _d_tensors()


def _all_generators() -> np.ndarray:
    """(3, 9, 9): derivative of the rotation of s, p and d functions with the angle about x, y and z."""
    angles = np.zeros((3, 3, 3))
    for axis, (i, j) in enumerate(((1, 2), (2, 0), (0, 1))):
        angles[axis, j, i], angles[axis, i, j] = 1.0, -1.0
    generators = np.zeros((3, 9, 9))
    generators[:, 1:4, 1:4] = angles[:, _YZX][:, :, _YZX]
    # both indices of a tensor turn alike
    generators[:, 4:, 4:] = 2.0 * np.einsum("mab,xac,ncb->xmn", _D_TENSORS, angles, _D_TENSORS)
    return generators


_GENERATORS = _all_generators()
#: the column of <l1 0| . |l2 0>, l1 <= l2; those of larger |m| follow it
_FIRST_COLUMN = np.array([[COLUMNS.get((a, b), [-1])[0] for b in range(3)] for a in range(3)])
