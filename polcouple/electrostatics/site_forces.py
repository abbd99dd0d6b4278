"""The forces that charges at fixed sites exert on moving charges: the adjoint of the site potentials.

With the potentials phi_i at the sites (:mod:`polcouple.electrostatics.site_potential`), charges Q_i there
have the energy

    E = sum_i Q_i phi_i = sum_j q_j Psi(r_j),      F_j = -q_j grad Psi(r_j),

where Psi is the potential of the Q_i. The splitting is the same (:mod:`polcouple.electrostatics.splitting`),
the mesh (:mod:`polcouple.electrostatics.site_mesh`) is gone through the other way round: the sites' charges
are spread on the few planes that they touch, and Psi and its gradient are read at the moving charges with the
window and the window's own derivative. So the forces are the derivative of the energy returned but for
rounding, whatever the accuracy.
"""

from __future__ import annotations

import threading
from itertools import pairwise

import numpy as np
from scipy import fft

from polcouple.electrostatics import _force_kernels as force_kernels
from polcouple.electrostatics import _kernels as kernels
from polcouple.electrostatics import splitting as split
from polcouple.electrostatics.site_mesh import SiteMesh
from polcouple.electrostatics.site_potential import checked_charges, require_apart
from polcouple.electrostatics.tasks import available_threads, run_tasks
from polcouple.errors import InputError
from polcouple.lattice.cell import check_cell

#: root mean square charge of a site in e that the accuracy is meant for
SITE_CHARGE = 0.1

#: the best accuracy, in Hartree/bohr
FINEST = 1e-9

#: largest error of a field in Hartree/(bohr e) over the estimate for a potential in Hartree/e, in 1/bohr.
#: Random charges in cells of any shape need 8; a sheet of equal charges, which add up, needs most
_FIELD_OVER_POTENTIAL = 20.0

#: slices the charges are dealt into; fixed, so that threads change no bit
_SLICES = 4


class SiteForces:
    """Energy and forces of moving charges in the field of charges at fixed sites, periodic.

    The neutralising backgrounds of both are included, as in
    :func:`polcouple.electrostatics.ewald.ewald_energy_forces`; the interaction among the sites' charges and
    among the moving ones is not. The same input gives the same bits, whatever the number of threads.

    Args:
        sites: (n, 3) in bohr.
        cell: (3, 3) in bohr, one lattice vector per row.
        accuracy: largest error of the force on a charge of 1 e in Hartree/bohr, 1e-9 to 1e-3, where the
            sites' charges have a root mean square of 0.1 e, or of 0.012 e if they are all equal; it is
            proportional to them.
        threads: at most; default OMP_NUM_THREADS or else the processors available.

    Attributes:
        parameters: of the particle mesh.

    Raises:
        InputError: degenerate cell, sites that are not finite, accuracy out of range.
    """

    def __init__(
        self, sites: np.ndarray, cell: np.ndarray, accuracy: float = 1e-6, threads: int | None = None
    ) -> None:
        sites = np.array(sites, dtype=float).reshape(-1, 3)
        cell = np.asarray(cell, dtype=float)
        check_cell(cell)
        if not np.isfinite(sites).all():
            bad = int(np.argmin(np.isfinite(sites).all(axis=1)))
            raise InputError(f"position of electrode atom {bad} (from 0) is not finite: {sites[bad]}")
        if not FINEST <= accuracy <= 1e-3:
            raise InputError(f"site forces: accuracy must be 1e-9 to 1e-3 Hartree/bohr, got {accuracy:g}")
        of_potential = _potential_accuracy(accuracy, len(sites), cell)
        self._mesh = SiteMesh(sites, cell, of_potential)
        self.parameters = self._mesh.parameters
        n0, n1, n2 = self.parameters.grid
        self._stencil = tuple(range(self.parameters.width))
        # D is P's derivative: the error of its last term grows with the square of their number
        self._energy_series = split.short_range_polynomial(self.parameters, 1e-4 * of_potential)
        slope = np.polynomial.polynomial.polyder(self._energy_series) * 4.0 / self.parameters.r_cut**2
        self._force_series = np.append(slope, 0.0)
        self._degree = tuple(range(len(self._energy_series)))
        self._spread = self._mesh.weights.T.tocsr()
        self._spectrum = np.empty((n0, n1 * (n2 // 2 + 1)), dtype=complex)
        self._potential = np.empty((n0, n1, n2 + self.parameters.width))
        self._n = len(sites)
        self._threads = threads or available_threads()
        self._lock = threading.Lock()

    def __call__(
        self, site_charges: np.ndarray, positions: np.ndarray, charges: np.ndarray
    ) -> tuple[float, np.ndarray]:
        """Energy in Hartree and the forces (m, 3) in Hartree/bohr on the moving charges.

        Args:
            site_charges: (n,) in e.
            positions: (m, 3) in bohr, in any lattice image.
            charges: (m,) in e.

        Raises:
            InputError: values that are not finite or do not match, or a moving charge within 0.5 Angstrom of
                a site.
        """
        positions, charges = checked_charges(positions, charges)
        site_charges = np.array(site_charges, dtype=float)
        if site_charges.shape != (self._n,) or not np.isfinite(site_charges).all():
            raise InputError(f"charges of {self._n} electrode atoms must be {self._n} finite numbers")
        with self._lock:
            self._spread_sites(site_charges)
            return self._forces(site_charges, np.array(positions, order="C"), charges.copy())

    def _spread_sites(self, site_charges: np.ndarray) -> None:
        """The long-ranged potential of the sites' charges, on the whole mesh."""
        mesh, threads, (n0, n1, n2) = self._mesh, self._threads, self.parameters.grid
        density = (self._spread @ site_charges).reshape(-1, n1, n2)
        spectrum = fft.rfft2(density, workers=threads).reshape(len(density), -1)
        every = np.arange(n0)

        def convolve(first: int, last: int) -> None:
            kernels.convolve(mesh.influence, spectrum, mesh.planes, every, first, last, self._spectrum)

        bounds = np.linspace(0, spectrum.shape[1], _SLICES + 1).astype(int)
        run_tasks(threads, [(convolve, a, b) for a, b in pairwise(bounds)])
        planes = self._spectrum.reshape(n0, n1, n2 // 2 + 1)
        potential = fft.irfft2(planes, (n1, n2), norm="forward", workers=threads)
        bounds = np.linspace(0, n0, _SLICES + 1).astype(int)
        width = self.parameters.width
        run_tasks(
            threads,
            [(force_kernels.pad, potential, width, a, b, self._potential) for a, b in pairwise(bounds)],
        )

    def _forces(
        self, site_charges: np.ndarray, positions: np.ndarray, charges: np.ndarray
    ) -> tuple[float, np.ndarray]:
        mesh = self._mesh
        potentials, forces = np.empty(len(charges)), np.empty((len(charges), 3))
        image_charges = site_charges[mesh.boxes.site]
        bounds = np.linspace(0, len(charges), _SLICES + 1).astype(int)

        def slice_of(index: int) -> tuple[float, float, int, int]:
            part = slice(bounds[index], bounds[index + 1])
            force_kernels.read_mesh(
                positions[part],
                charges[part],
                mesh.inverse,
                self.parameters.grid,
                mesh.window,
                self._stencil,
                self._potential,
                potentials[part],
                forces[part],
            )
            far = float(charges[part] @ potentials[part])
            near, square, atom, image = force_kernels.short_range_forces(
                positions[part],
                charges[part],
                mesh.cell,
                mesh.inverse,
                mesh.boxes.counts,
                mesh.boxes.start,
                mesh.boxes.members,
                mesh.boxes.images,
                image_charges,
                self.parameters.r_cut,
                self._energy_series,
                self._force_series,
                self._degree,
                forces[part],
            )
            return far + near, square, int(atom + bounds[index]), int(mesh.boxes.site[image])

        answers = run_tasks(self._threads, [(slice_of, index) for index in range(_SLICES)])
        require_apart(*min(answer[1:] for answer in answers))
        energy = sum(answer[0] for answer in answers)
        energy += mesh.background * float(site_charges.sum()) * float(charges.sum())
        return energy, forces


def _potential_accuracy(accuracy: float, n_sites: int, cell: np.ndarray) -> float:
    """The accuracy of site potentials whose parameters give forces of the accuracy asked for.

    Site potentials are estimated for sources as dense as in water, here the sources are the sites.
    """
    volume = abs(float(np.linalg.det(cell)))
    water, here = split.SQUARED_CHARGE_DENSITY * volume, n_sites * SITE_CHARGE**2
    return float(np.clip(accuracy / _FIELD_OVER_POTENTIAL * np.sqrt(water / here), 1e-10, 1e-3))
