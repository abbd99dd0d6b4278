"""Lennard-Jones interactions between fixed sites and moving atoms, over all images within the cut-off."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from polcouple.case.case import Case
from polcouple.compile import compiled
from polcouple.electrostatics.boxes import box_of
from polcouple.electrostatics.site_mesh import SiteBoxes
from polcouple.electrostatics.tasks import run_tasks
from polcouple.lattice.cell import folded
from polcouple.units import ANGSTROM_TO_BOHR, KCAL_TO_KJ, KJ_PER_MOL_TO_HARTREE

#: slices that the atoms are dealt into; fixed, so that threads change no bit
_SLICES = 4


class SiteLennardJones:
    """Energy and forces between the electrodes of a case and the liquid's atoms that have such interactions.

    Lorentz-Berthelot mixing; multiplied by OpenMM's switching function, or truncated, as the case says.

    Args:
        case: the system.
        threads: at most.
    """

    def __init__(self, case: Case, threads: int) -> None:
        force_field = case.parameters
        self._cell = np.ascontiguousarray(case.lattice)
        self._inverse = np.linalg.inv(self._cell)
        self._cutoff = force_field.cutoff_angstrom * ANGSTROM_TO_BOHR
        self._switch = (force_field.switch_angstrom or force_field.cutoff_angstrom) * ANGSTROM_TO_BOHR
        lj = case.lennard_jones
        half_sigma = np.array([0.5 * one.sigma_angstrom * ANGSTROM_TO_BOHR for one in lj])
        epsilon = np.array([one.epsilon_kcal_per_mol * KCAL_TO_KJ * KJ_PER_MOL_TO_HARTREE for one in lj])
        root = 2.0 * np.sqrt(epsilon)
        sites = case.electrode_indices[root[case.electrode_indices] > 0.0]
        self._atoms = case.electrolyte_indices[root[case.electrolyte_indices] > 0.0]
        self._boxes = SiteBoxes(
            folded(case.positions[sites] @ self._inverse).reshape(-1, 3), self._cell, self._cutoff
        )
        own = sites[self._boxes.site]
        self._of_images = (half_sigma[own], root[own])
        self._of_atoms = (half_sigma[self._atoms], root[self._atoms])
        self._threads = threads

    def add(self, positions: np.ndarray, forces: np.ndarray) -> float:
        """Add the forces on the liquid's atoms; returns the energy in Hartree.

        Args:
            positions: (N, 3) in bohr, any image of an atom.
            forces: (N, 3) in Hartree/bohr.
        """
        own = np.empty((len(self._atoms), 3))
        bounds = np.linspace(0, len(own), _SLICES + 1).astype(int)

        def slice_of(first: int, last: int) -> float:
            energy: float = _forces(
                positions[self._atoms[first:last]],
                self._of_atoms[0][first:last],
                self._of_atoms[1][first:last],
                self._cell,
                self._inverse,
                self._boxes.counts,
                self._boxes.start,
                self._boxes.members,
                self._boxes.images,
                *self._of_images,
                self._cutoff,
                self._switch,
                own[first:last],
            )
            return energy

        energies = run_tasks(self._threads, [(slice_of, a, b) for a, b in pairwise(bounds)])
        forces[self._atoms] += own
        return float(sum(energies))


@compiled
def _forces(
    positions: np.ndarray,
    half_sigma: np.ndarray,
    root_epsilon: np.ndarray,
    cell: np.ndarray,
    inverse: np.ndarray,
    boxes: tuple[int, int, int],
    box_start: np.ndarray,
    box_sites: np.ndarray,
    sites: np.ndarray,
    site_half_sigma: np.ndarray,
    site_root_epsilon: np.ndarray,
    cutoff: float,
    switch: float,
    forces: np.ndarray,
) -> float:
    """Forces (m, 3) on atoms at ``positions``, overwritten; returns the energy.

    Half sigma in bohr and the root of 4 epsilon in Hartree^(1/2) of atoms (m,) and site images (g,); for the
    boxes see :class:`polcouple.electrostatics.site_mesh.SiteBoxes`.
    """
    energy = 0.0
    per_width = 1.0 / (cutoff - switch) if cutoff > switch else 0.0
    for j in range(positions.shape[0]):
        point = positions[j]
        x, y, z, box = box_of(point[0], point[1], point[2], cell, inverse, boxes)
        fx = fy = fz = e = 0.0
        for k in range(box_start[box], box_start[box + 1]):
            site = box_sites[k]
            dx, dy, dz = x - sites[0, site], y - sites[1, site], z - sites[2, site]
            square = dx * dx + dy * dy + dz * dz
            sigma = half_sigma[j] + site_half_sigma[site]
            over = 1.0 / square
            w = sigma * sigma * over
            w6 = w * w * w
            strength = root_epsilon[j] * site_root_epsilon[site]
            strength = strength if square < cutoff * cutoff else 0.0
            lj = strength * (w6 * w6 - w6)
            r = np.sqrt(square)
            t = min(max((r - switch) * per_width, 0.0), 1.0)
            factor = 1.0 - t * t * t * (10.0 - t * (15.0 - 6.0 * t))
            slope = -30.0 * t * t * (1.0 - t) * (1.0 - t) * per_width
            e += lj * factor
            f = strength * (12.0 * w6 * w6 - 6.0 * w6) * over * factor - lj * slope / r
            fx += f * dx
            fy += f * dy
            fz += f * dz
        energy += e
        forces[j, 0] = fx
        forces[j, 1] = fy
        forces[j, 2] = fz
    return energy
