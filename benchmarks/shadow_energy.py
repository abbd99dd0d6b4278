"""Runs without thermostat: the energy and the shadow energy of every step, and their drifts.

What velocity Verlet conserves is not the energy H but, to the next order in the step h, the shadow energy
H + h^2 (v.V''.v / 12 - F.F / 24 m) (Skeel and Hardy, SIAM J. Sci. Comput. 23, 1172 (2001)). H itself goes up
and down with every vibration of a bond, which hides a drift in a short run; v.V''.v is from the forces of the
steps before and after.
"""

from __future__ import annotations

import numpy as np
from rich.console import Console
from rich.progress import track

from polcouple.case.model import Case
from polcouple.coupling.forces import ForceProvider
from polcouple.coupling.mobile import create_charges
from polcouple.engines.base import NATIVE
from polcouple.units import FS_TO_ATOMIC_TIME, KELVIN_TO_HARTREE

#: time step
STEP_FS = 0.5
_TEMPERATURE = 300.0
#: blocks that the error of the drift is from
_BLOCKS = 10


def conserved(
    case: Case, backend: str, steps: int, threads: int, platform: str = NATIVE
) -> tuple[np.ndarray, int]:
    """Energy and shadow energy at the steps between the first and the last, from momenta of 300 K.

    Args:
        platform: what computes the forces.

    Returns:
        (2, steps - 2) energies in Hartree, and the number of atoms that move.
    """
    provider = ForceProvider(case, create_charges(case, backend), platform=platform, threads=threads)
    moving = np.arange(len(case)) if case.mobile else case.electrolyte_indices
    masses, dt = case.topology.masses[moving, None], STEP_FS * FS_TO_ATOMIC_TIME
    positions = case.positions.copy()
    momenta = np.random.default_rng(1).standard_normal(positions.shape)[moving]
    momenta *= np.sqrt(masses * _TEMPERATURE * KELVIN_TO_HARTREE)
    forces = [provider.evaluate(positions, case.cell).forces[moving]]
    velocities, energies, shadows = np.zeros_like(momenta), list[float](), list[float]()
    for step in track(
        range(1, steps + 1), description=f"{backend}, {platform}", console=Console(stderr=True)
    ):
        momenta += 0.5 * dt * forces[-1]
        positions[moving] += dt * momenta / masses
        found = provider.evaluate(positions, case.cell)
        forces = [*forces[-2:], found.forces[moving]]
        momenta += 0.5 * dt * forces[-1]
        if step > 2:  # of the step before
            curvature = -float((velocities * (forces[2] - forces[0])).sum()) / (2.0 * dt)
            correction = dt**2 * (curvature / 12 - float((forces[1] ** 2 / masses).sum()) / 24)
            shadows.append(energies[-1] + correction)
        velocities = momenta / masses
        energies.append(found.energy + 0.5 * float((momenta * velocities).sum()))
    return np.array([energies[1:-1], shadows]), len(moving)


def drift(energies: np.ndarray) -> tuple[float, float, float]:
    """Slope per ns and its standard error, and the spread about the line."""
    energies = energies[len(energies) // 10 :]
    times = STEP_FS * 1e-6 * np.arange(len(energies))
    slope, offset = np.polyfit(times, energies, 1)
    length = len(energies) // _BLOCKS
    means, at = (
        values[: length * _BLOCKS].reshape(_BLOCKS, length).mean(axis=1) for values in (energies, times)
    )
    _, covariance = np.polyfit(at, means, 1, cov=True)
    return float(slope), float(np.sqrt(covariance[0, 0])), float(np.std(energies - slope * times - offset))
