"""What the populations of a gapped block depart from their linear response by, patch by patch.

Electrons below a wide gap answer to the potential nearby alone, their second and higher orders even more so.
An electrode of equal parts is therefore cut into cores; each is solved within a patch, the core and a margin
around it, as if the patch repeated. All patches have the same states, of a matrix much smaller than the
block's, so that work grows with the number of parts. Linear response, which reaches farther, stays that of
the whole electrode.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
import scipy.linalg

from polcouple.dftb.arrays import to_host
from polcouple.dftb.blocks import Block
from polcouple.dftb.gapped import GappedBlock
from polcouple.dftb.preparation import Repeats
from polcouple.dftb.response import pair_response
from polcouple.lattice.matrix import fill_block_circulant

#: part of the linear response to a part's potential that may lie beyond the margin
_BEYOND = 1e-4
#: operations with patches, over those without, at which they are used
_WORTHWHILE = 0.25
#: potential (Hartree) and tolerance (e) of the measurement of their error
_PROBE, _PRECISE = 0.01, 1e-11


class Cut:
    """Cores of an electrode and the patches around them, all of one shape.

    Args:
        repeats: equal parts of the electrode.
        margins, cores: of a patch, in parts along each lattice vector.

    Attributes:
        shape: parts of a patch along each lattice vector.
    """

    def __init__(self, repeats: Repeats, margins: Sequence[int], cores: Sequence[int]) -> None:
        axes = [
            _along(count, margin, core)
            for count, margin, core in zip(repeats.shape, margins, cores, strict=True)
        ]
        self.shape = tuple(len(axis[0][0]) for axis in axes)
        parts = np.arange(len(repeats.sites)).reshape(repeats.shape)
        self._n_sites = repeats.sites.size
        #: (patches, parts, b) charge sites of each patch, and (patches, parts) whether they are the core's
        self._sites = np.array(
            [repeats.sites[parts[np.ix_(*(one[0] for one in own))].ravel()] for own in product(*axes)]
        )
        inside = [np.meshgrid(*(one[1] for one in own), indexing="ij") for own in product(*axes)]
        self._inside = np.array([np.logical_and.reduce(one).ravel() for one in inside])

    def __len__(self) -> int:
        return len(self._sites)

    def of_patches(self, values: np.ndarray) -> np.ndarray:
        """(patches, sites of one) of values (n_sites,)."""
        return values[self._sites].reshape(len(self), -1)

    def of_sites(self, values: np.ndarray) -> np.ndarray:
        """(n_sites,) from those of the patches (patches, sites of one): each core's own."""
        found = np.empty(self._n_sites)
        found[self._sites[self._inside]] = values.reshape(self._sites.shape)[self._inside]
        return found


class Patches:
    """Departures from linear response of a gapped block, by patches.

    Args:
        cut: the patches.
        patch: the block's reference states in a cell of one patch.

    Attributes:
        part: error over the largest departure in the patches, margins included, as far as it is known.
    """

    def __init__(self, cut: Cut, patch: GappedBlock) -> None:
        self._cut, self._patch, self.part = cut, patch, 0.0

    def departures(self, potential: np.ndarray, tolerance: float) -> np.ndarray:
        """(patches, sites of one) at ``potential`` (n_sites,), each solved to ``tolerance`` (e)."""
        return np.array([self._patch.departure(own, tolerance) for own in self._cut.of_patches(potential)])

    def of_sites(self, departures: np.ndarray) -> np.ndarray:
        """(n_sites,) those in the cores."""
        return self._cut.of_sites(departures)

    def learn(self, departures: np.ndarray, exact: np.ndarray, allowed: float) -> None:
        """Compare with the ``exact`` departure (n_sites,), which may differ by what is ``allowed`` (e)."""
        error = max(float(np.abs(self.of_sites(departures) - exact).max()) - allowed, 0.0)
        self.part = max(self.part, error / max(float(np.abs(departures).max()), 1e-300))


def find_patches(
    block: Block, n_filled: int, chi: np.ndarray, repeats: Repeats, temperature: float
) -> Patches | None:
    """Patches of a gapped block, or None where they save little.

    Their error is measured in a cell wider than a patch by its margins, in potentials of several shapes.

    Args:
        block: in the eigenbasis of its reference potential, which repeats.
        n_filled: number of filled states.
        chi: (n_sites, n_sites) the block's response, 1/Hartree.
        repeats: equal parts of the electrode.
        temperature: k_B T in Hartree, far below the gap.
    """
    margins, cores = margins_and_cores(repeats, chi)
    cut = Cut(repeats, margins, cores)
    cost = len(cut) * (float(np.prod(cut.shape)) / len(repeats.sites)) ** 3
    if n_filled % len(repeats.sites) or cost > _WORTHWHILE:
        return None

    def cell(shape: Sequence[int]) -> GappedBlock:
        smaller = patch_block(block, repeats, shape)
        filled = n_filled // len(repeats.sites) * int(np.prod(shape))
        occupations = (np.arange(len(smaller)) < filled).astype(float)
        return GappedBlock(
            smaller, filled, pair_response(smaller, occupations, temperature, len(smaller.potential))
        )

    found = Patches(cut, cell(cut.shape))
    shape = [
        min(count, side + 2 * margin)
        for count, side, margin in zip(repeats.shape, cut.shape, margins, strict=True)
    ]
    wider = cell(shape)
    sites = np.arange(len(wider.reference.potential)).reshape(int(np.prod(shape)), -1)
    trial = Patches(Cut(Repeats(sites, sites, (shape[0], shape[1], shape[2])), margins, cores), found._patch)
    for probe in _probes(shape, sites.shape[1]):
        potential = wider.reference.potential + _PROBE * probe
        trial.learn(trial.departures(potential, _PRECISE), wider.departure(potential, _PRECISE), 0.0)
    found.part = trial.part
    return found


def _probes(shape: Sequence[int], size: int) -> list[np.ndarray]:
    """Potentials (n_sites,) of size 1 at most: noise, one that alternates, one site's, waves and steps."""
    count = int(np.prod(shape)) * size
    probes = [np.random.default_rng(0).uniform(-1.0, 1.0, count), 1.0 - 2.0 * (np.arange(count) % 2)]
    probes.append((np.arange(count) == count // 2).astype(float))
    for axis, parts in zip(np.indices(shape).reshape(3, -1), shape, strict=True):
        wave = np.repeat(np.sin(2.0 * np.pi * (axis + 0.25) / parts), size)
        probes += [wave, np.sign(wave)] if parts > 1 else []
    return probes


def margins_and_cores(repeats: Repeats, chi: np.ndarray) -> tuple[list[int], list[int]]:
    """Margins that hold all but a small part of the response ``chi`` (n_sites, n_sites); and cheap cores."""
    first = np.abs(chi[repeats.sites][..., repeats.sites[0]]).sum(axis=(1, 2)).reshape(repeats.shape)
    margins, cores = [], []
    for axis, count in enumerate(repeats.shape):
        along = first.sum(axis=tuple(k for k in range(3) if k != axis))
        reach = np.minimum(np.arange(count), count - np.arange(count))
        beyond = np.array([along[reach > margin].sum() for margin in range(count)])
        margins.append(int(np.argmax(beyond <= _BEYOND * along.sum())))
        sides = [_along(count, margins[-1], core) for core in range(1, count + 1)]
        cores.append(1 + int(np.argmin([len(cut) * len(cut[0][0]) ** 3 for cut in sides])))
    return margins, cores


def patch_block(block: Block, repeats: Repeats, shape: Sequence[int]) -> Block:
    """The reference states of ``block`` in a cell of ``shape`` equal parts."""
    orbitals = _orbitals(block, repeats)
    energies, duals = block.energies, to_host(block.duals)
    columns = duals[orbitals[0]].T
    count, size = int(np.prod(shape)), orbitals.shape[1]
    order = np.arange(count * size).reshape(count, size)
    three = (shape[0], shape[1], shape[2])
    h0, overlap = (
        fill_block_circulant(_folded(matrix[orbitals], repeats.shape, three), order, three)
        for matrix in (duals @ (energies[:, None] * columns), duals @ columns)
    )
    found, vectors = scipy.linalg.eigh(h0, overlap, check_finite=False)
    own = len(repeats.sites[0])
    place = _places(block.sites[orbitals[0]], repeats.sites[0])
    return Block(
        order.ravel(),
        (own * np.arange(count)[:, None] + place).ravel(),
        block.weight,
        found,
        vectors,
        overlap @ vectors,
        np.tile(block.potential[repeats.sites[0]], count),
    )


def _orbitals(block: Block, repeats: Repeats) -> np.ndarray:
    """(parts, c) orbitals of each part within ``block``, those of a charge site together."""
    own = repeats.orbitals[:, np.isin(repeats.orbitals[0], block.orbitals)]
    found = np.searchsorted(block.orbitals, own)
    return found[:, np.argsort(_places(block.sites[found[0]], repeats.sites[0]), kind="stable")]


def _places(sites: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Where each of ``sites`` (c,) stands in ``among`` (b,)."""
    order = np.argsort(among)
    return np.asarray(order[np.searchsorted(among, sites, sorter=order)])


def _folded(columns: np.ndarray, shape: tuple[int, int, int], to: tuple[int, int, int]) -> np.ndarray:
    """Columns (to x c, c) of a smaller cell from those (parts, c, c) of the electrode."""
    index = np.indices(shape).reshape(3, -1)
    away = [np.where(2 * k > n, k - n, k) % m for k, n, m in zip(index, shape, to, strict=True)]
    found = np.zeros((int(np.prod(to)), *columns.shape[1:]))
    np.add.at(found, np.ravel_multi_index(tuple(away), to), columns)
    return found.reshape(-1, columns.shape[-1])


def _side(count: int, margin: int, core: int) -> int:
    """Parts of a patch along one axis: all of them where core and margins leave none out."""
    return min(count, core + 2 * margin) if core < count else count


def _along(count: int, margin: int, core: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Along one axis of ``count`` parts: each patch's parts, and which of them are its core's."""
    side = _side(count, margin, core)
    if side == count:
        return [(np.arange(count), np.ones(count, dtype=bool))]
    found = []
    for start in range(0, count, core):
        own = np.arange(start, min(start + core, count))
        before = (side - len(own)) // 2
        parts = np.arange(own[0] - before, own[0] - before + side)
        found.append((parts % count, (parts >= own[0]) & (parts <= own[-1])))
    return found
