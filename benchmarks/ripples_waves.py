"""Sheets of graphene at rest in vacuum, and the waves of their heights (:mod:`benchmarks.ripples`)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.optimize import minimize_scalar

from polcouple.backends.dftb_options import HamiltonianOptions
from polcouple.builder.surfaces import GRAPHENE_CELL, graphene_sheet
from polcouple.dftb.moving.dftb import MovingDftb
from polcouple.dftb.moving.ensemble import TotalCharge
from polcouple.dftb.moving.harmonic import harmonic
from polcouple.electrode import Electrode
from polcouple.lattice.matrix import dense
from polcouple.units import ANGSTROM_TO_BOHR, KELVIN_TO_HARTREE

KT = 300.0 * KELVIN_TO_HARTREE
#: of the electrons in K, that of the Hessian of `response`
ELECTRONS = 3000.0
_HEIGHT = 30.0


@dataclass(frozen=True, eq=False)
class Waves:
    """Modes by rising |q|, one of q and -q.

    Attributes:
        q: (m,) in 1/bohr.
        phases: (m, n) exp(i q . r) at the atoms.
        harmonic: (m,) <|h|^2> of the harmonic sheet in bohr^2.
        area: of the cell in bohr^2.
    """

    q: np.ndarray
    phases: np.ndarray
    harmonic: np.ndarray
    area: float

    @property
    def shells(self) -> list[slice]:
        """Modes of one |q|."""
        ends = np.concatenate([[0], np.flatnonzero(np.diff(self.q) > 1e-6) + 1, [len(self.q)]])
        return [slice(int(begin), int(end)) for begin, end in pairwise(ends)]


def relaxed(cells: tuple[int, int]) -> Electrode:
    """The flat sheet at its lattice constant of least free energy."""

    def energy(scale: float) -> float:
        electrode = _sheet(cells, scale)
        dftb = MovingDftb(electrode.symbols, ELECTRONS * KELVIN_TO_HARTREE)
        found = dftb.solve(electrode.positions, electrode.cell, TotalCharge(0.0), accuracy=1e-8)
        return found.free_energy

    best = minimize_scalar(energy, bounds=(1.003, 1.007), method="bounded", options={"xatol": 1e-5})
    print(f"lattice constant {GRAPHENE_CELL[0] * best.x:.4f} Angstrom", flush=True)
    return _sheet(cells, float(best.x))


def _sheet(cells: tuple[int, int], scale: float) -> Electrode:
    positions, sides = graphene_sheet(*cells)
    cell = np.diag([*(scale * np.asarray(sides)), _HEIGHT]) * ANGSTROM_TO_BOHR
    return Electrode(("C",) * len(positions), scale * positions * ANGSTROM_TO_BOHR, cell)


def waves(electrode: Electrode, cells: tuple[int, int]) -> Waves:
    """Those of a zone of two atoms, with what the harmonic sheet has."""
    n, sides = len(electrode), np.diag(electrode.cell)
    found = []
    for i in range(cells[0] // 2 + 1):
        for j in range(-cells[1], cells[1] + 1):
            if (i, j) > (0, 0):
                q = 2.0 * np.pi * np.array([i / sides[0], j / sides[1]])
                found.append((float(np.linalg.norm(q)), np.exp(1j * electrode.positions[:, :2] @ q)))
    found.sort(key=lambda wave: wave[0])
    phases = np.array([wave for _, wave in found])
    options = HamiltonianOptions(temperature_kelvin=ELECTRONS)
    hessian = dense(harmonic(electrode, options).matrix).reshape(n, 4, n, 4)[:, 2, :, 2]
    covariance = KT * np.linalg.pinv(hessian, rcond=1e-9, hermitian=True)
    expected = np.einsum("qi,ij,qj->q", phases.conj(), covariance, phases).real / n**2
    return Waves(np.array([q for q, _ in found]), phases, expected, float(sides[0] * sides[1]))
