"""A packed structure on its way to a liquid: minimised and warmed up with uniform electrode charges."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from polcouple.case.model import Case
from polcouple.errors import InputError
from polcouple.units import BOHR_TO_NM, KELVIN_TO_HARTREE, KJ_PER_MOL_TO_HARTREE, NM_TO_BOHR

_STEPS_PER_REPORT = 100
#: relative, of rigid molecules while they are equilibrated; i-PI's are kept to the last digits
_CONSTRAINT_TOLERANCE = 1e-8
#: a temperature this many times the one asked for means that the structure flies apart
_EXPLOSION = 5.0

#: called with the picoseconds equilibrated so far and what is being done
Progress = Callable[[float, str], None]


def equilibrate(
    case: Case,
    temperature: float,
    picoseconds: float,
    step: float,
    seed: int,
    platform: str,
    progress: Progress,
) -> np.ndarray:
    """Minimise and run Langevin dynamics; positions (N, 3) in bohr, molecules as whole as those of the case.

    Args:
        temperature: in kelvin.
        step: in ps.
        platform: of OpenMM.

    Raises:
        InputError: the platform is not available, or the structure flies apart.
    """
    import openmm

    from polcouple.engines.openmm import InsideCell, build_system, create_context, set_electrode_charges

    system, _ = build_system(case)
    own = np.arange(len(case)) if case.given is None else case.given.atoms
    for (i, j), length in zip(*case.constraints, strict=True):
        system.addConstraint(int(own[i]), int(own[j]), float(length) * BOHR_TO_NM)
    integrator = openmm.LangevinMiddleIntegrator(temperature, 5.0, step)
    integrator.setConstraintTolerance(_CONSTRAINT_TOLERANCE)
    integrator.setRandomNumberSeed(seed)
    context = create_context(system, integrator, platform, None)
    n = len(case.electrode)
    set_electrode_charges(context, np.full(n, case.total_charge / n))
    shift = InsideCell(case).shift
    start = np.zeros((system.getNumParticles(), 3))
    start[own] = case.positions + shift
    context.setPositions(start * BOHR_TO_NM)
    context.computeVirtualSites()
    progress(0.0, "minimising")
    openmm.LocalEnergyMinimizer.minimize(context, tolerance=100.0, maxIterations=500)
    context.setVelocitiesToTemperature(temperature, seed)
    steps = round(picoseconds / step)
    for first in range(0, steps, _STEPS_PER_REPORT):
        done = min(first + _STEPS_PER_REPORT, steps)
        try:
            integrator.step(done - first)
            kelvin = _temperature(context, 3 * len(case.electrolyte_indices) - len(case.constraints[0]))
        except openmm.OpenMMException:  # a coordinate is not a number
            kelvin = math.inf
        if not kelvin < _EXPLOSION * temperature:
            raise InputError(
                f"the packed structure flies apart ({kelvin:.0f} K after {done * step:g} ps);"
                " try another --seed or a larger --gap"
            )
        progress(done * step, f"equilibrating, {kelvin:.0f} K")
    positions = np.array(context.getState(getPositions=True).getPositions(asNumpy=True)._value)
    return positions[own] * NM_TO_BOHR - shift


def inside_cell(case: Case, positions: np.ndarray) -> np.ndarray:
    """Move each molecule as a whole to where its first atom is in the cell; the electrode stays in place."""
    molecules = case.topology.molecules
    _, heads = np.unique(molecules, return_index=True)
    images = np.floor(positions[heads] @ np.linalg.inv(case.cell))
    moved = positions - (images @ case.cell)[np.searchsorted(molecules[heads], molecules)]
    moved[case.electrode_indices] = case.positions[case.electrode_indices]
    return np.asarray(moved)


def _temperature(context: Any, freedoms: int) -> float:
    """Kinetic temperature in kelvin of so many degrees of freedom."""
    kinetic = context.getState(getEnergy=True).getKineticEnergy()._value * KJ_PER_MOL_TO_HARTREE
    return float(2 * kinetic / (freedoms * KELVIN_TO_HARTREE))
