"""Ripples of a free-standing sheet of graphene at 300 K: mean squares of its Fourier modes h(q).

    python -m benchmarks.ripples response [--cells 8 5] [--picoseconds 50]
    python -m benchmarks.ripples dftb [--cells 5 3] [--picoseconds 20]

The carbons of rectangular cells, in vacuum, neutral, at the lattice constant of least free energy, move with
Langevin dynamics (BAOAB, Leimkuhler and Matthews, J. Chem. Phys. 138, 174102 (2013): exact for the positions
of a harmonic system at any time step). For

    h(q) = 1/n sum_j z_j exp(-i q . r_j)

the harmonic sheet has <|h(q)|^2> = k_B T / n^2 e* H^+ e, with H the Hessian of the coordinates z and
e_j = exp(i q . r_j): at small q, where ZA is alone, this is k_B T / (n m omega_ZA^2(q)). `response` must
have it for every q within its errors; `dftb` has it but for what is anharmonic.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.optimize import minimize_scalar

from polcouple.analysis.block_errors import Blocks, estimate
from polcouple.backends.base import Environment
from polcouple.backends.dftb_options import HamiltonianOptions
from polcouple.backends.mobile import create_mobile
from polcouple.builder.surfaces import GRAPHENE_CELL, graphene_sheet
from polcouple.dftb.moving.dftb import MovingDftb
from polcouple.dftb.moving.ensemble import TotalCharge
from polcouple.dftb.moving.harmonic import harmonic
from polcouple.electrode import Electrode, Electrolyte
from polcouple.lattice.matrix import dense
from polcouple.units import (
    ANGSTROM_TO_BOHR,
    BOHR_TO_ANGSTROM,
    DALTON_TO_ELECTRON_MASS,
    FS_TO_ATOMIC_TIME,
    KELVIN_TO_HARTREE,
)

_MASS = 12.011 * DALTON_TO_ELECTRON_MASS
_KT = 300.0 * KELVIN_TO_HARTREE
#: of the electrons, that of the Hessian of `response`
_ELECTRONS = 3000.0
#: friction in 1/ps, steps between frames, and the part of the run that is left out
_FRICTION, _STRIDE, _SKIP = 10.0, 10, 0.1
_HEIGHT = 30.0
#: there is no liquid
_NOTHING = Electrolyte((), np.zeros(0), np.zeros(0, dtype=int))


@dataclass(frozen=True, eq=False)
class Ripples:
    """Modes by rising |q|, one of q and -q.

    Attributes:
        q: (m,) in 1/bohr.
        expected, found, error: (m,) of the harmonic sheet, of the run and its standard error, bohr^2.
        converged: whether the blocks are long enough for the errors.
    """

    q: np.ndarray
    expected: np.ndarray
    found: np.ndarray
    error: np.ndarray
    converged: bool


def relaxed(cells: tuple[int, int]) -> Electrode:
    """The flat sheet at its lattice constant of least free energy."""

    def energy(scale: float) -> float:
        electrode = _sheet(cells, scale)
        dftb = MovingDftb(electrode.symbols, _ELECTRONS * KELVIN_TO_HARTREE)
        found = dftb.solve(electrode.positions, electrode.cell, TotalCharge(0.0), accuracy=1e-8)
        return found.free_energy

    best = minimize_scalar(energy, bounds=(1.003, 1.007), method="bounded", options={"xatol": 1e-5})
    print(f"lattice constant {GRAPHENE_CELL[0] * best.x:.4f} Angstrom", flush=True)
    return _sheet(cells, float(best.x))


def _sheet(cells: tuple[int, int], scale: float) -> Electrode:
    positions, sides = graphene_sheet(*cells)
    cell = np.diag([*(scale * np.asarray(sides)), _HEIGHT]) * ANGSTROM_TO_BOHR
    return Electrode(("C",) * len(positions), scale * positions * ANGSTROM_TO_BOHR, cell)


def waves(electrode: Electrode, cells: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """|q| (m,) in 1/bohr and exp(i q . r) (m, n) of a zone of two atoms, one of q and -q."""
    found = []
    for i in range(cells[0] // 2 + 1):
        for j in range(-cells[1], cells[1] + 1):
            if (i, j) > (0, 0):
                q = 2.0 * np.pi * np.array([i / electrode.cell[0, 0], j / electrode.cell[1, 1]])
                found.append((float(np.linalg.norm(q)), np.exp(1j * electrode.positions[:, :2] @ q)))
    found.sort(key=lambda wave: wave[0])
    return np.array([q for q, _ in found]), np.array([wave for _, wave in found])


def sample(backend: str, cells: tuple[int, int], picoseconds: float, step_fs: float) -> Ripples:
    """A run of the backend beside what the harmonic sheet has."""
    electrode = relaxed(cells)
    n = len(electrode)
    options = HamiltonianOptions(temperature_kelvin=_ELECTRONS)
    hessian = dense(harmonic(electrode, options).matrix).reshape(n, 4, n, 4)[:, 2, :, 2]
    q, phases = waves(electrode, cells)
    covariance = _KT * np.linalg.pinv(hessian, rcond=1e-9, hermitian=True)
    expected = np.einsum("qi,ij,qj->q", phases.conj(), covariance, phases).real / n**2
    blocks = Blocks()
    steps = round(1000.0 * picoseconds / step_fs)
    begin = time.perf_counter()
    for number, z in enumerate(heights(electrode, backend, steps, step_fs * FS_TO_ATOMIC_TIME)):
        if number >= _SKIP * steps / _STRIDE:
            blocks.add(np.abs(phases.conj() @ z / n) ** 2)
    print(f"{1e3 * (time.perf_counter() - begin) / steps:.2f} ms a step")
    found = estimate(blocks)
    return Ripples(q, expected, found.value, found.error, found.converged)


def heights(electrode: Electrode, backend: str, steps: int, dt: float) -> Iterator[np.ndarray]:
    """z (n,) in bohr every so many steps."""
    solver = create_mobile(backend, electrode, _NOTHING, {"temperature_kelvin": _ELECTRONS})
    rng, n = np.random.default_rng(1), len(electrode)
    nothing = Environment(_NOTHING, np.zeros((0, 3)), np.zeros(n))
    kept = np.exp(-_FRICTION * 1e-3 * dt / FS_TO_ATOMIC_TIME)
    kick = np.sqrt(_KT / _MASS * (1.0 - kept**2))
    positions = electrode.positions.copy()
    velocities = np.sqrt(_KT / _MASS) * rng.standard_normal(positions.shape)
    found = solver.solve(positions, nothing, TotalCharge(0.0))
    for step in range(1, steps + 1):
        velocities += 0.5 * dt * found.forces / _MASS
        positions += 0.5 * dt * velocities
        velocities = kept * velocities + kick * rng.standard_normal(velocities.shape)
        positions += 0.5 * dt * velocities
        found = solver.solve(positions, nothing, TotalCharge(0.0), found)
        velocities += 0.5 * dt * found.forces / _MASS
        if step % _STRIDE == 0:
            yield positions[:, 2] - electrode.positions[:, 2]


def print_shells(found: Ripples, most: int) -> None:
    """By |q|, those of one length together."""
    print("|q|, 1/Angstrom   modes   harmonic, Angstrom^2   run over harmonic")
    shells = np.concatenate([[0], np.flatnonzero(np.diff(found.q) > 1e-6) + 1, [len(found.q)]])
    for begin, end in list(pairwise(shells))[:most]:
        own = slice(begin, end)
        ratios, errors = found.found[own] / found.expected[own], found.error[own] / found.expected[own]
        mean, error = ratios.mean(), np.sqrt((errors**2).sum()) / (end - begin)
        expected = found.expected[own].mean() * BOHR_TO_ANGSTROM**2
        length = found.q[begin] / BOHR_TO_ANGSTROM
        print(f"{length:15.3f} {end - begin:7d} {expected:22.3e} {mean:13.3f} +- {error:.3f}")
    ratios, errors = found.found / found.expected, found.error / found.expected
    z = (ratios - 1.0) / errors
    print(f"all {len(ratios)}: {ratios.mean():.4f} +- {np.sqrt((errors**2).sum()) / len(ratios):.4f}")
    print(f"(run - harmonic) / error: mean square {np.mean(z**2):.2f}, largest {np.abs(z).max():.1f}")
    if not found.converged:
        print("the blocks are not long against the motion of the slowest mode: errors are lower bounds")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("backend", choices=["response", "dftb"])
    parser.add_argument("--cells", type=int, nargs=2, default=[8, 5])
    parser.add_argument("--picoseconds", type=float, default=50.0)
    parser.add_argument("--step", type=float, default=1.0, help="fs")
    parser.add_argument("--most", type=int, default=12, help="lengths of q that are printed")
    args = parser.parse_args()
    found = sample(args.backend, tuple(args.cells), args.picoseconds, args.step)
    print_shells(found, args.most)


if __name__ == "__main__":
    main()
