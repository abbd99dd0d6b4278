"""Where pairs that are excluded from Lennard-Jones interactions stand in the pair loop's buffer."""

from __future__ import annotations

import numpy as np

from polcouple.compile import compiled
from polcouple.engines.native.clusters import Clusters
from polcouple.engines.native.pairs import layout

#: where each atom's partners begin, and the partners
Partners = tuple[np.ndarray, np.ndarray]


def partners(pairs: np.ndarray, n: int) -> Partners:
    """Of ``n`` atoms by pairs (p, 2) of them."""
    both = np.concatenate([pairs, pairs[:, ::-1]])
    both = both[np.argsort(both[:, 0], kind="stable")]
    return np.searchsorted(both[:, 0], np.arange(n + 1)), np.ascontiguousarray(both[:, 1])


def find_excluded(
    entries: np.ndarray, listed: np.ndarray, clusters: Clusters, of_atoms: Partners
) -> tuple[np.ndarray, np.ndarray]:
    """Of the entries of a list (:class:`polcouple.engines.native.lists.PairList`).

    Returns:
        (p, 2) atom of the entry's cluster and its partner's place in the buffer, in the order of the
        cluster's atoms; (entries + 1,) where each entry's begin.
    """
    first, atoms = of_atoms
    start = np.zeros(len(entries) + 1, np.int64)
    pairs = np.empty((len(atoms), 2), np.int64)
    if len(atoms):
        _find(entries, listed, clusters.start, clusters.n_lj, clusters.order, first, atoms, pairs, start)
    return pairs[: start[-1]].copy(), start


@compiled
def _find(entries, atoms, cluster_start, n_lj, order, first, partners, pairs, start):
    """Fill ``pairs`` and ``start``."""
    n = order.shape[0]
    place, entry_of, at = np.empty(n, np.int64), np.full(n, -1, np.int64), np.empty(n, np.int64)
    for k in range(n):
        place[order[k]] = k
    used = 0
    for number in range(entries.shape[0]):
        entry = entries[number]
        begin, own_lj = cluster_start[entry[0]], n_lj[entry[0]]
        _, _, _, _, far, _ = layout(entry, cluster_start[entry[0] + 1] - begin, own_lj)
        if entry[1] == 1:
            for i in range(own_lj):
                entry_of[begin + i], at[begin + i] = number, i
        for k in range(entry[2], entry[3]):
            entry_of[atoms[k]], at[atoms[k]] = number, own_lj + k - entry[2]
        for k in range(entry[6], entry[7]):
            entry_of[atoms[k]], at[atoms[k]] = number, far + k - entry[6]
        for i in range(own_lj):
            j = order[begin + i]
            for k in range(first[j], first[j + 1]):
                other = place[partners[k]]
                if entry_of[other] == number and (at[other] > i):
                    pairs[used, 0], pairs[used, 1] = i, at[other]
                    used += 1
        start[number + 1] = used
