"""The short-ranged part of the liquid's potentials at the electrode's atoms, in double precision."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from polcouple.electrostatics import _kernels as kernels
from polcouple.electrostatics import splitting as split
from polcouple.electrostatics.site_mesh import SiteBoxes
from polcouple.electrostatics.site_potential import require_apart


class NearPotentials:
    """What charges within the cut-off add to the potentials at fixed sites.

    Args:
        sites: (n, 3) in bohr.
        cell: (3, 3) in bohr.
        parameters: of the splitting.
        accuracy: of a potential, Hartree/e.
        slices: that the charges are dealt into.
    """

    def __init__(
        self, sites: np.ndarray, cell: np.ndarray, parameters: split.Splitting, accuracy: float, slices: int
    ) -> None:
        self._cell = np.ascontiguousarray(cell)
        self._inverse = np.linalg.inv(self._cell)
        fractional = sites @ self._inverse
        self._boxes = SiteBoxes(fractional - np.floor(fractional), self._cell, parameters.r_cut)
        self._r_cut = parameters.r_cut
        self._polynomial = split.short_range_polynomial(parameters, 0.01 * accuracy)
        self._degree = tuple(range(len(self._polynomial)))
        self._n = len(sites)
        self._slices = slices
        self._near = np.empty((slices, len(self._boxes.site)))
        self._bounds: list[int] = []

    def tasks(self, positions: np.ndarray, charges: np.ndarray) -> list[tuple[Any, ...]]:
        """Tasks, one a slice, for charges (m,) at ``positions`` (m, 3)."""
        self._bounds = np.linspace(0, len(charges), self._slices + 1).astype(int).tolist()
        boxes = self._boxes
        return [
            (kernels.short_range, positions[first:last], charges[first:last], self._cell, self._inverse,
             boxes.counts, boxes.start, boxes.members, boxes.images, self._r_cut, self._polynomial,
             self._degree, near)
            for (first, last), near in zip(pairwise(self._bounds), self._near, strict=True)
        ]  # fmt: skip

    def potentials(self, answers: list[Any]) -> np.ndarray:
        """Potentials (n,) in Hartree/e from what the tasks gave.

        Raises:
            InputError: a charge lies on a site.
        """
        square, atom, image = min(
            (square, atom + first, image)
            for (square, atom, image), first in zip(answers, self._bounds[:-1], strict=True)
        )
        require_apart(square, atom, int(self._boxes.site[image]))
        return np.bincount(self._boxes.site, self._near.sum(axis=0), minlength=self._n)
