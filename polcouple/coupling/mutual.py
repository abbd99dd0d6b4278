"""How electrodes act on one another: their Coulomb kernel, and their linear response together.

An electrode alone answers to potentials and to its charge by dq_a = K_a dphi_a + F_a dQ_a. With the
potentials G q of the others' charges, and f = sum_a t_a F_a for charge that flows from one to another,

    dq = K (dphi + G dq) + f dQ = D (K dphi + f dQ),      D = (1 - K G)^-1,

and the slope of the grand potential changes by f . (dphi + G dq) + sum_a eta_a dQ. At charges that answer one
another the slope's own slope is the hardness

    d^2(Omega)/dQ^2 = sum_a eta_a + f . G D f.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from polcouple.backends.base import ChargeDerivatives
from polcouple.case.model import Case
from polcouple.electrostatics.ewald import ewald_columns
from polcouple.lattice.convolution import lattice_orbits
from polcouple.lattice.matrix import (
    SMALLEST,
    Matrix,
    RepeatingMatrix,
    columns_of,
    dense,
    from_part_waves,
    part_waves,
)

#: derivatives serve total charges that differ by no more than this (e)
_SAME = 0.25


@dataclass(frozen=True, eq=False)
class MutualResponse:
    """Linear response of all electrodes together, near given total charges.

    Attributes:
        total_charges: (n_electrodes,) in e where the derivatives belong.
        kernels: the atoms of each electrode whose response is known, and its K in e^2/Hartree.
        inverse: D (n, n); block-circulant where all electrodes repeat together.
        own_fukui: F_a (n_electrodes, n), zero on the other electrodes' atoms.
        fukui: f (n,), change of the charges per charge that flows at fixed potentials.
        relaxed_fukui: D f (n,).
        pull: G f (n,) in Hartree/e, change of the slope per charge.
        hardnesses: (n_electrodes,) eta_a in Hartree/e.
        hardness: of the charge that flows, in Hartree/e.
    """

    total_charges: np.ndarray
    kernels: tuple[tuple[slice, Matrix], ...]
    inverse: Matrix
    own_fukui: np.ndarray
    fukui: np.ndarray
    relaxed_fukui: np.ndarray
    pull: np.ndarray
    hardnesses: np.ndarray
    hardness: float

    @classmethod
    def of(
        cls,
        derivatives: Sequence[ChargeDerivatives | None],
        slices: Sequence[slice],
        between: Matrix,
        total_charges: np.ndarray,
        transfer: np.ndarray,
    ) -> MutualResponse:
        """Combine the electrodes' own derivatives.

        Args:
            derivatives: of each electrode; None where unknown, which counts as no response.
            slices: of each electrode's atoms.
            between: G (n, n) in Hartree/e^2.
            total_charges: (n_electrodes,) in e.
            transfer: (n_electrodes,) t_a.
        """
        own_fukui, hardnesses = np.zeros((len(slices), len(between))), np.zeros(len(slices))
        kernels = []
        for number, (own, known) in enumerate(zip(slices, derivatives, strict=True)):
            if known is not None:
                kernels.append((own, known.kernel))
                own_fukui[number, own] = known.fukui
                hardnesses[number] = known.hardness
        hardnesses = np.where(transfer == 0.0, 0.0, hardnesses)
        fukui, inverse = transfer @ own_fukui, _inverse_dielectric(kernels, between)
        relaxed, pull = inverse @ fukui, between @ fukui
        hardness = float(hardnesses.sum() + pull @ relaxed)
        return cls(
            total_charges, tuple(kernels), inverse, own_fukui, fukui, relaxed, pull, hardnesses, hardness
        )

    def induced(self, potentials: np.ndarray) -> np.ndarray:
        """K times ``potentials`` (n,): what each electrode alone answers at constant charge, (n,) in e."""
        charges = np.zeros_like(potentials)
        for own, kernel in self.kernels:
            charges[own] = kernel @ potentials[own]
        return charges

    def far_from(self, total_charges: np.ndarray) -> bool:
        """Whether these total charges (n_electrodes,) need derivatives of their own."""
        return bool(np.abs(total_charges - self.total_charges).max() > _SAME)

    def shares(self) -> np.ndarray:
        """(n_electrodes,) parts of the slope's change that are changes of each electrode's level."""
        total = float(self.hardnesses.sum())
        if np.isfinite(total) and (self.hardnesses >= 0.0).all() and total > 0.0:
            return self.hardnesses / total
        return np.full(len(self.hardnesses), 1.0 / len(self.hardnesses))


def _inverse_dielectric(kernels: Sequence[tuple[slice, Matrix]], between: Matrix) -> Matrix:
    """D = (1 - K G)^-1, with K of all electrodes together; wave by wave where all of it repeats."""
    n = len(between)
    if isinstance(between, RepeatingMatrix) and all(isinstance(k, RepeatingMatrix) for _, k in kernels):
        part = between.orbits[0]
        columns = np.zeros((n, len(part)))
        for own, kernel in kernels:
            inside = np.flatnonzero((part >= own.start) & (part < own.stop))
            columns[own, inside] = columns_of(kernel, part[inside] - own.start)
        response = part_waves(columns[between.orbits], between.shape)
        dielectric = np.eye(len(part)) - response @ between.waves()
        columns[between.orbits] = from_part_waves(np.linalg.inv(dielectric), between.shape)
        return RepeatingMatrix(columns, between.orbits, between.shape)
    dielectric, whole = np.eye(n), dense(between)
    for own, kernel in kernels:
        dielectric[own] -= dense(kernel) @ whole[own]
    return np.asarray(np.linalg.inv(dielectric))


def kernel_between(case: Case) -> Matrix:
    """G (n, n) in Hartree/e^2: Coulomb between different electrodes, the slab's kernel between all atoms."""
    positions = case.electrode.positions
    owner = np.repeat(np.arange(len(case.electrodes)), [len(electrode) for electrode in case.electrodes])
    orbits, shape = np.arange(len(positions))[None, :], (1, 1, 1)
    if min(len(electrode) for electrode in case.electrodes) >= SMALLEST:
        kinds = np.char.add(np.array(case.electrode.symbols), owner.astype(str))
        orbits, shape = lattice_orbits(case.electrode, kinds)
    part = orbits[0]
    columns = np.zeros((len(positions), len(part)))
    if len(case.electrodes) > 1:
        columns = ewald_columns(positions, case.cell, part)
        columns[owner[:, None] == owner[part]] = 0.0
    if case.slab_field is not None:
        heights = case.slab_field.heights(positions)
        columns += case.slab_field.curvature * np.outer(heights, heights[part])
    if len(orbits) > 1:
        return RepeatingMatrix(columns, orbits, shape)
    return 0.5 * (columns + columns.T)
