"""CustomNonbondedForces of a System: none of them may hold charges, which the electrodes change.

Names do not tell. What acts like charges is told by what it does: its energy has a part 1/r at short or long
distances, or changes so with a parameter of one particle times that of the other.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from polcouple.errors import InputError

if TYPE_CHECKING:
    import openmm

#: parameters that hold charges whatever they do
_CHARGE_NAMES = ("q", "charge", "charges", "chg")
#: those of another name, too: they differ from charges by rounding of their writer at most
_SAME_CHARGES = 1e-4
#: distances (nm) at which all but 1/r has faded, or is small beside it, the second one where r^-12 is no more
#: than a number has digits for
_FAR, _NEAR = 300.0, (1e-5, 0.02)
#: and parts of the cut-off between them
_INSIDE = (0.3, 0.45)
#: step of a derivative, in parts of the distance
_STEP = 1e-2
#: k/r has the second derivative 2k/r^3
_COULOMB, _SAME_POWER = 3.0, 0.05
#: second derivatives times r^2 that count (kJ/mol), and parts of slopes by which these differ beyond rounding
_LEAST, _ROUNDING = 1e-9, 1e-10


def require_plain_pairs(
    path: Path, force: openmm.CustomNonbondedForce, nonbonded: openmm.NonbondedForce
) -> None:
    """Refuse what cannot be computed beside charges that change, or at all.

    Raises:
        InputError: saying what.
    """
    import openmm

    about = f"{path}: CustomNonbondedForce '{force.getEnergyFunction()[:40]}'"
    if force.getNonbondedMethod() != openmm.CustomNonbondedForce.CutoffPeriodic:
        raise InputError(f"{about} is not cut off periodically; set the method CutoffPeriodic")
    names = [force.getPerParticleParameterName(i) for i in range(force.getNumPerParticleParameters())]
    charges = [name for name in names if name.lower() in _CHARGE_NAMES]
    if charges:
        raise _own_charges(path, charges[0])
    n = nonbonded.getNumParticles()
    if force.getNumParticles() != n:
        raise InputError(f"{about} has {force.getNumParticles()} particles, the NonbondedForce {n}")
    exclusions = {frozenset(force.getExclusionParticles(i)) for i in range(force.getNumExclusions())}
    exceptions = {
        frozenset(nonbonded.getExceptionParameters(i)[:2]) for i in range(nonbonded.getNumExceptions())
    }
    if exclusions != exceptions:
        raise InputError(
            f"{about} excludes {len(exclusions)} pairs and the NonbondedForce {len(exceptions)}, not the same"
            " ones, which OpenMM's fast platforms do not compute; give both the same"
        )
    rows = np.array([force.getParticleParameters(i) for i in range(n)], float).reshape(n, -1)
    _require_no_charges(path, rows, names, nonbonded)
    _require_none_by_what_it_does(path, force, np.unique(rows, axis=0), names)


def _require_no_charges(
    path: Path, rows: np.ndarray, names: list[str], nonbonded: openmm.NonbondedForce
) -> None:
    """Refuse parameters, of any name, that are the charges or these times a number.

    Of charges of one sign nothing is said: any parameter of the only charged kind of atom is like them.
    """
    charges = np.array([nonbonded.getParticleParameters(i)[0]._value for i in range(len(rows))])
    if not len(charges) or not charges.min() < 0.0 < charges.max():
        return
    for name, values in zip(names, rows.T, strict=True):
        factor = (values @ charges) / max(charges @ charges, 1e-300)
        if values.any() and np.abs(values - factor * charges).max() <= _SAME_CHARGES * np.abs(values).max():
            raise _own_charges(path, name)


def _require_none_by_what_it_does(
    path: Path, force: openmm.CustomNonbondedForce, kinds: np.ndarray, names: list[str]
) -> None:
    """Refuse an energy, or a dependence on parameters, that goes like 1/r.

    Args:
        kinds: (k, p) parameters of the kinds of particles.
    """
    cutoff = force.getCutoffDistance()._value
    pair = _Pair(force, [*_NEAR, *(part * cutoff for part in _INSIDE), _FAR])
    steps = np.diag(np.maximum(1.0, np.abs(kinds).max(axis=0, initial=0.0)))
    for first, second in _pairs_of_kinds(kinds):
        here = pair.slopes(first, second)
        if pair.like_charges(here):
            raise InputError(
                f"{path}: CustomNonbondedForce '{force.getEnergyFunction()[:40]}' acts like charges (as 1/r),"
                " and the electrodes' change; leave Coulomb interactions to the NonbondedForce"
            )
        for name, step in zip(names, steps, strict=True):
            both = pair.slopes(first + step, second + step)
            mixed = both - pair.slopes(first + step, second) - pair.slopes(first, second + step) + here
            if pair.like_charges(mixed):
                raise _own_charges(path, name)


def _pairs_of_kinds(kinds: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Each kind with itself and with the next one."""
    for index, kind in enumerate(kinds):
        yield kind, kind
        if index:
            yield kinds[index - 1], kind


class _Pair:
    """Two particles that a force acts between, at several distances at once, wherever it would be cut off.

    Args:
        force: with its tables and global parameters.
        distances: in nm; two near ones and the last are looked at alone, the others together.
    """

    def __init__(self, force: openmm.CustomNonbondedForce, distances: list[float]) -> None:
        import openmm

        self._distances = np.outer(distances, (1.0, 2.0))
        places = (self._distances[..., None] * (1.0 - _STEP, 1.0 + _STEP)).ravel()
        self._force = alone = openmm.CustomNonbondedForce(force.getEnergyFunction())
        for index in range(force.getNumGlobalParameters()):
            alone.addGlobalParameter(
                force.getGlobalParameterName(index), force.getGlobalParameterDefaultValue(index)
            )
        count = force.getNumPerParticleParameters()
        for index in range(count):
            alone.addPerParticleParameter(force.getPerParticleParameterName(index))
        for index in range(force.getNumComputedValues()):
            alone.addComputedValue(*force.getComputedValueParameters(index))
        for index in range(force.getNumTabulatedFunctions()):
            table = copy.deepcopy(force.getTabulatedFunction(index))
            alone.addTabulatedFunction(force.getTabulatedFunctionName(index), table)
        system = openmm.System()
        for index in range(len(places)):
            for _ in range(2):
                system.addParticle(1.0)
                alone.addParticle([0.0] * count)
            alone.addInteractionGroup([2 * index], [2 * index + 1])
        system.addForce(alone)
        self._positions = np.zeros((2 * len(places), 3))
        self._positions[1::2, 0] = places
        self._context = openmm.Context(
            system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference")
        )

    def slopes(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """dE/dr (d, 2, 2) in kJ/mol/nm of two kinds: a little below and above each distance and twice it.

        NaN where OpenMM has none.
        """
        import openmm

        own = first.tolist(), second.tolist()
        for index in range(len(self._positions)):
            self._force.setParticleParameters(index, own[index % 2])
        try:
            self._force.updateParametersInContext(self._context)
            self._context.setPositions(self._positions)
            forces = self._context.getState(getForces=True).getForces(asNumpy=True)._value
        except openmm.OpenMMException:
            return np.full((*self._distances.shape, 2), np.nan)
        return -forces[1::2, 0].reshape(*self._distances.shape, 2)

    def like_charges(self, slopes: np.ndarray) -> bool:
        """Whether an energy with ``slopes`` has a part 1/r: near, far, or alone inside the cut-off.

        Constants and straight lines, by which energies are shifted, have no second derivative.
        """
        with np.errstate(all="ignore"):
            curved = slopes[..., 1] - slopes[..., 0]
            counts = np.abs(curved) > _ROUNDING * np.abs(slopes).max(axis=2)
            second = np.where(counts, curved / (2.0 * _STEP * self._distances), 0.0)
            counts = (np.abs(second) * self._distances**2 > _LEAST).all(axis=1)
            powers = np.where(counts, np.log2(np.abs(second[:, 0] / second[:, 1])), np.inf)
        alike = np.abs(powers - _COULOMB) < _SAME_POWER
        return bool(alike[:2].any() or alike[2:-1].all() or alike[-1])


def _own_charges(path: Path, name: str) -> InputError:
    return InputError(
        f"{path}: CustomNonbondedForce has charges of its own ('{name}'), and the electrodes' change; leave"
        " Coulomb interactions to the NonbondedForce"
    )
