"""Interactions of pairs of a .top: which are excluded, which are listed, and how strong they are in GROMACS.

What ``nrexcl`` bonds connect is excluded, and only the pairs of ``[ pairs ]`` interact as pairs, each line
of it once more. A negative sigma stands for C6 = 0 (GROMACS Reference Manual, Topologies). OpenMM's reader
(8.6) scales the interactions of all atoms three bonds apart, and takes the modulus of a negative sigma.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any

import numpy as np
import openmm

from polcouple.errors import InputError
from polcouple.importing.gromacs_types import Table


@dataclass(frozen=True)
class PairRules:
    """Interactions of pairs by their types: C6 and C12 in kJ/mol and nm.

    Attributes:
        rule: of combination: 1 for C6 and C12, 2 for Lorentz-Berthelot, 3 for geometric means.
        generated: whether pairs without parameters have those of their atoms times ``fudge``.
        atom_types: the first and second parameter of each.
        nonbonded, pairs: ``[ nonbond_params ]`` and ``[ pairtypes ]``.
    """

    rule: str
    generated: bool
    fudge: float
    atom_types: Mapping[str, tuple[float, float]]
    nonbonded: Table
    pairs: Table

    def __post_init__(self) -> None:
        for name, values in self.atom_types.items():
            if values[1] < 0.0 or (self.rule == "1" and values[0] < 0.0):
                raise InputError(
                    f"atom type {name} has a negative {'C6 or C12' if self.rule == '1' else 'epsilon'}, of"
                    " which there is no mean; give its pairs in [ nonbond_params ] and zero here"
                )

    def listed(self, given: list[str], types: tuple[str, str]) -> tuple[float, float]:
        """Of a line of ``[ pairs ]`` with these parameters, or none.

        Raises:
            InputError: there are none for these types either.
        """
        known = given or self.pairs.parameters(types, "1")
        if known:
            return self._coefficients(float(known[0]), float(known[1]))
        if not self.generated:
            raise InputError(
                f"no [ pairtypes ] for {' '.join(types)}, and [ defaults ] have gen-pairs no; add them there"
                " or to the line of [ pairs ]"
            )
        c6, c12 = self.ordinary(types)
        return self.fudge * c6, self.fudge * c12

    def ordinary(self, types: tuple[str, str]) -> tuple[float, float]:
        """Of two atoms anywhere.

        Raises:
            InputError: C12 is negative.
        """
        special = self.nonbonded.parameters(types, "1")
        if special is not None:
            found = self._coefficients(float(special[0]), float(special[1]))
            if found[1] < 0.0:
                raise InputError(
                    f"[ nonbond_params ] of {' '.join(types)}: C12 is negative, and atoms would fall into one"
                    " another; correct it"
                )
            return found
        first, second = (self.atom_types[kind] for kind in types)
        depth = float(np.sqrt(first[1] * second[1]))
        if self.rule == "1":
            return float(np.sqrt(first[0] * second[0])), depth
        if self.rule == "2":
            mean = 0.5 * (abs(first[0]) + abs(second[0]))
        else:
            mean = float(np.sqrt(abs(first[0] * second[0])))
        return self._coefficients(-mean if first[0] < 0.0 or second[0] < 0.0 else mean, depth)

    def _coefficients(self, first: float, second: float) -> tuple[float, float]:
        if self.rule == "1":
            return first, second
        return (4.0 * second * first**6 if first >= 0.0 else 0.0), 4.0 * second * first**12

    def tabulated(self, used: set[str]) -> dict[tuple[str, str], tuple[float, float]]:
        """C6 and C12 of all pairs of types, where the rule does not tell them all; else none."""
        couples = list(combinations_with_replacement(sorted(used), 2))
        special = any(self.nonbonded.parameters(types, "1") is not None for types in couples)
        negative = self.rule != "1" and any(self.atom_types[kind][0] < 0.0 for kind in used)
        return {types: self.ordinary(types) for types in couples} if special or negative else {}


def set_pairs(path: Path, top: Any, rules: PairRules, system: openmm.System) -> None:
    """Make the exceptions of a System those of GROMACS.

    Args:
        top: a GromacsTopFile of OpenMM.

    Raises:
        InputError: a pair that is listed interacts in full, too, or has no parameters.
    """
    forces = system.getForces()
    nonbonded = next(force for force in forces if isinstance(force, openmm.NonbondedForce))
    fudge = float(top._defaults[4])
    exceptions: list[tuple[int, int, float, float, float]] = []
    lone: list[tuple[int, int, float, float]] = []
    start = 0
    for name, count in top._molecules:
        kind = top._moleculeTypes[name]
        if not count:
            continue
        excluded = dict.fromkeys(_excluded(kind), (0.0, 0.0, 0.0))
        for i, j, c6, c12 in _pairs(path, rules, kind, excluded):
            charges = [nonbonded.getParticleParameters(start + k)[0]._value for k in (i, j)]
            before = excluded[i, j]
            excluded[i, j] = (before[0] + fudge * charges[0] * charges[1], before[1] + c6, before[2] + c12)
        for _ in range(count):
            for (i, j), (product, c6, c12) in excluded.items():
                sigma, epsilon = 1.0, 0.0
                if c6 > 0.0 and c12 > 0.0:
                    sigma, epsilon = (c12 / c6) ** (1.0 / 6.0), c6**2 / (4.0 * c12)
                elif c6 or c12:
                    lone.append((start + i, start + j, c6, c12))
                exceptions.append((start + i, start + j, product, sigma, epsilon))
            start += len(kind.atoms)
    _replace(system, nonbonded, exceptions, lone)


def _excluded(kind: Any) -> Iterator[tuple[int, int]]:
    """Pairs (i < j) of a molecule within ``nrexcl`` bonds, or excluded by name."""
    n = len(kind.atoms)
    bonded: list[set[int]] = [set() for _ in range(n)]
    links = [*kind.bonds, *(fields for fields in kind.constraints if fields[2] == "1")]
    for fields in links:
        i, j = int(fields[0]) - 1, int(fields[1]) - 1
        bonded[i].add(j)
        bonded[j].add(i)
    named: list[set[int]] = [set() for _ in range(n)]
    for fields in kind.exclusions:
        i, *others = (int(field) - 1 for field in fields)
        for j in others:
            named[i].add(j)
            named[j].add(i)
    for i in range(n):
        reached, edge = {i}, {i}
        for _ in range(kind.nrexcl):
            edge = set().union(*(bonded[k] for k in edge)) - reached
            reached |= edge
        yield from ((i, j) for j in sorted((reached | named[i]) - {i}) if j > i)


def _pairs(
    path: Path, rules: PairRules, kind: Any, excluded: Mapping[tuple[int, int], Any]
) -> Iterator[tuple[int, int, float, float]]:
    """i < j, C6 and C12 of a molecule's ``[ pairs ]``."""
    for fields in kind.pairs:
        i, j = sorted((int(fields[0]) - 1, int(fields[1]) - 1))
        if (i, j) not in excluded:
            raise InputError(
                f"{path}: [ pairs ] of {kind.name} lists atoms {i + 1} and {j + 1}, which interact in full"
                f" because nrexcl is {kind.nrexcl}; exclude them, or take the pair out"
            )
        try:
            coefficients = rules.listed(fields[3:], (kind.atoms[i][1], kind.atoms[j][1]))
        except InputError as error:
            raise InputError(f"{path}: atoms {i + 1} and {j + 1} of {kind.name}: {error}") from None
        yield i, j, *coefficients


def _replace(
    system: openmm.System,
    old: openmm.NonbondedForce,
    exceptions: list[tuple[int, int, float, float, float]],
    lone: list[tuple[int, int, float, float]],
) -> None:
    """Another NonbondedForce, exclusions and pair terms in place of those of a System."""
    from xml.etree import ElementTree

    def without(force: openmm.Force, tag: str) -> Any:
        root = ElementTree.fromstring(openmm.XmlSerializer.serialize(force))
        for inner in root.iter(tag):
            inner.clear()
        return openmm.XmlSerializer.deserialize(ElementTree.tostring(root, encoding="unicode"))

    new = without(old, "Exceptions")
    for exception in exceptions:
        new.addException(*exception)
    kept = [new]
    for force in system.getForces():
        if isinstance(force, openmm.CustomNonbondedForce):
            custom = without(force, "Exclusions")
            for i, j, *_ in exceptions:
                custom.addExclusion(i, j)
            kept.append(custom)
    pairs = openmm.CustomBondForce("-C/r^6+A/r^12")
    pairs.setName("LennardJonesExceptions")
    for name in ("C", "A"):
        pairs.addPerBondParameter(name)
    for i, j, c6, c12 in lone:
        pairs.addBond(i, j, (c6, c12))
    if lone:
        kept.append(pairs)
    for index in reversed(range(system.getNumForces())):
        force = system.getForce(index)
        if isinstance(force, openmm.NonbondedForce | openmm.CustomNonbondedForce) or (
            force.getName() == "LennardJonesExceptions"
        ):
            system.removeForce(index)
    for force in kept:
        system.addForce(force)
