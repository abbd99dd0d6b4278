"""Waters of a System by what they are made of, whatever their residues are called, and their shape."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import openmm
from openmm.unit import nanometer, radian

from polcouple.errors import InputError

#: indices of an oxygen and its two hydrogens
Water = tuple[int, int, int]
_HYDROGEN = ("H", "D")


def waters_of(system: openmm.System, elements: Sequence[str | None]) -> list[Water]:
    """Oxygens with two hydrogens and nothing else, but for sites without mass.

    Args:
        elements: symbol of each particle.
    """
    massive = [system.getParticleMass(i)._value > 0.0 for i in range(system.getNumParticles())]
    neighbours: dict[int, set[int]] = {}
    for i, j in _pairs(system):
        if massive[i] and massive[j]:
            neighbours.setdefault(i, set()).add(j)
            neighbours.setdefault(j, set()).add(i)
    waters = []
    for oxygen, others in neighbours.items():
        if elements[oxygen] != "O" or len(others) != 2:
            continue
        a, b = sorted(others)
        # a spring or a constraint between the hydrogens keeps the angle of some waters
        alone = neighbours[a] <= {oxygen, b} and neighbours[b] <= {oxygen, a}
        if alone and elements[a] in _HYDROGEN and elements[b] in _HYDROGEN:
            waters.append((oxygen, a, b))
    return sorted(waters)


def count_rigid(system: openmm.System, waters: Sequence[Water]) -> int:
    """How many have all three of their distances held."""
    held = _held(system)
    return sum(all(pair in held for pair in _sides(water)) for water in waters)


def hold_waters(path: Path, system: openmm.System, elements: Sequence[str | None]) -> None:
    """Constrain the distances of all waters that are not, to those of their springs.

    OpenMM's readers (8.6) know waters by the names of their residues, other ones for each kind of file, and
    take the distance between the hydrogens from a bond that some files lack.

    Raises:
        InputError: of ``path``, a water has no springs that say its shape.
    """
    lengths = _held(system)
    missing = [
        water for water in waters_of(system, elements) if any(side not in lengths for side in _sides(water))
    ]
    if not missing:
        return
    springs, angles = _shapes(system)
    for water in missing:
        oxygen, a, b = water
        for side in _sides(water)[:2]:
            if side not in lengths and side in springs:
                lengths[side] = springs[side]
                system.addConstraint(*sorted(side), springs[side])
        first, second, across = _sides(water)
        if first not in lengths or second not in lengths:
            raise _shapeless(path, oxygen)
        if across in lengths:
            continue
        if (angle := angles.get((oxygen, across))) is not None:
            p, q = lengths[first], lengths[second]
            lengths[across] = math.sqrt(p * p + q * q - 2.0 * p * q * math.cos(angle))
        elif springs.get(across, 0.0) > 0.0:
            lengths[across] = springs[across]
        else:
            raise _shapeless(path, oxygen)
        system.addConstraint(a, b, lengths[across])


def _shapeless(path: Path, oxygen: int) -> InputError:
    return InputError(
        f"{path}: the water of particle {oxygen + 1} has no harmonic bonds and angle that give its shape, to"
        " be held rigid; import it by --rigid none"
    )


def _sides(water: Water) -> tuple[frozenset[int], frozenset[int], frozenset[int]]:
    """Both bonds, and the pair of hydrogens."""
    oxygen, a, b = water
    return frozenset((oxygen, a)), frozenset((oxygen, b)), frozenset((a, b))


def _held(system: openmm.System) -> dict[frozenset[int], float]:
    """Lengths in nm of all constraints."""
    held = {}
    for index in range(system.getNumConstraints()):
        i, j, length = system.getConstraintParameters(index)
        held[frozenset((i, j))] = length.value_in_unit(nanometer)
    return held


def _pairs(system: openmm.System) -> list[tuple[int, int]]:
    """Particles that are bonded, by springs of any kind or by constraints."""
    pairs = [tuple(system.getConstraintParameters(i)[:2]) for i in range(system.getNumConstraints())]
    for force in system.getForces():
        if isinstance(force, (openmm.HarmonicBondForce, openmm.CustomBondForce)):
            pairs += [tuple(force.getBondParameters(i)[:2]) for i in range(force.getNumBonds())]
    return pairs


def _shapes(
    system: openmm.System,
) -> tuple[dict[frozenset[int], float], dict[tuple[int, frozenset[int]], float]]:
    """Lengths in nm of harmonic bonds, and angles in radians by their middle and ends."""
    lengths, angles = {}, {}
    for force in system.getForces():
        if isinstance(force, openmm.HarmonicBondForce):
            for index in range(force.getNumBonds()):
                i, j, length, _ = force.getBondParameters(index)
                lengths[frozenset((i, j))] = length.value_in_unit(nanometer)
        elif isinstance(force, openmm.HarmonicAngleForce):
            for index in range(force.getNumAngles()):
                i, j, k, angle, _ = force.getAngleParameters(index)
                angles[j, frozenset((i, k))] = angle.value_in_unit(radian)
    return lengths, angles
