"""The terms of a force field in a file of OpenMM.

Of OpenMM's custom forces those are known that its readers of GROMACS', Amber's and CHARMM's files and of its
own force fields write; they are told by their expressions.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import openmm

from polcouple.case.force_field_schema import GivenForceField
from polcouple.case.given_system import BONDED, GivenSystem
from polcouple.case.model import Case
from polcouple.engines.native import bonded
from polcouple.engines.native.terms import (
    LennardJones,
    Listed,
    Terms,
    beyond_cutoff,
    by_kind,
    interacting,
    lorentz_berthelot,
)
from polcouple.units import KJ_PER_MOL_TO_HARTREE, NM_TO_BOHR

_KJ, _NM = KJ_PER_MOL_TO_HARTREE, NM_TO_BOHR
_SPRING, _QUARTIC = _KJ / _NM**2, _KJ / _NM**4
_REPULSION, _ATTRACTION = _KJ * _NM**12, _KJ * _NM**6
#: period of a difference of dihedrals that is taken as it is
_ENDLESS = 1e9
#: OpenMM's own forces: what a term is called there, number of its atoms, which of its parameters are the
#: loop's, in which unit
_OWN: dict[str, tuple[str, int, Callable[..., Any], tuple[int, ...], tuple[float, ...]]] = {
    "HarmonicBondForce": ("Bond", 2, bonded.harmonic_bonds, (1, 0), (_SPRING, _NM)),
    "HarmonicAngleForce": ("Angle", 3, bonded.harmonic_angles, (1, 0), (_KJ, 1.0)),
    "PeriodicTorsionForce": ("Torsion", 4, bonded.periodic_torsions, (2, 1, 0), (_KJ, 1.0, 1.0)),
    "RBTorsionForce": ("Torsion", 4, bonded.ryckaert_bellemans, (0, 1, 2, 3, 4, 5), (_KJ,) * 6),
}
_Values = dict[str, np.ndarray]
#: the loop, its parameters in OpenMM's units from those of the file, and these units
_Loop = tuple[Callable[..., Any], Callable[[_Values], tuple[Any, ...]], tuple[float, ...]]
_BONDS: dict[str, _Loop] = {
    "0.25*k*(r^2-r0^2)^2": (bonded.quartic_bonds, lambda v: (v["k"], v["r0"]), (_QUARTIC, _NM)),
    "-C/r^6+A/r^12": (
        bonded.listed_pairs, lambda v: (0.0 * v["A"], v["A"], v["C"]), (1.0, _REPULSION, _ATTRACTION)
    ),
    "#*epsilon*((sigma/r)^12-(sigma/r)^6)": (
        bonded.listed_pairs,
        lambda v: (0.0 * v["sigma"], v["#"] * v["epsilon"] * v["sigma"] ** 12,
                   v["#"] * v["epsilon"] * v["sigma"] ** 6),
        (1.0, _REPULSION, _ATTRACTION),
    ),
}  # fmt: skip
_ANGLES: dict[str, _Loop] = {
    "0.5*k*(cos(theta)-cos(theta0))^2": (
        bonded.cosine_angles, lambda v: (v["k"], v["theta0"]), (_KJ, 1.0)
    ),
}  # fmt: skip
_TORSIONS: dict[str, _Loop] = {
    "0.5*k*(thetap-theta0)^2;thetap=step(-(theta-theta0+pi))*2*pi+theta+step(theta-theta0-pi)*(-2*pi);pi=#": (
        bonded.harmonic_torsions, lambda v: (v["k"], v["theta0"], 2.0 * v["#"]), (_KJ, 1.0, 1.0)
    ),
    "k*min(dtheta,2*pi-dtheta)^2;dtheta=abs(theta-theta0);pi=#": (
        bonded.harmonic_torsions, lambda v: (2.0 * v["k"], v["theta0"], 2.0 * v["#"]), (_KJ, 1.0, 1.0)
    ),
    "k*min(dtheta,2*#-dtheta)^2;dtheta=abs(theta-theta0)": (
        bonded.harmonic_torsions, lambda v: (2.0 * v["k"], v["theta0"], 2.0 * v["#"]), (_KJ, 1.0, 1.0)
    ),
    "k*(theta-theta0)^2": (
        bonded.harmonic_torsions,
        lambda v: (2.0 * v["k"], v["theta0"], 0.0 * v["k"] + _ENDLESS),
        (_KJ, 1.0, 1.0),
    ),
}  # fmt: skip
#: custom ones: what a term is called, number of its atoms, and its loop by the expression; `theta` is an
#: angle in one force and a dihedral in another
_CUSTOM: dict[str, tuple[str, int, dict[str, _Loop]]] = {
    "CustomBondForce": ("Bond", 2, _BONDS),
    "CustomAngleForce": ("Angle", 3, _ANGLES),
    "CustomTorsionForce": ("Torsion", 4, _TORSIONS),
}
#: pairs: A and C by their parameters (one row a kind), in OpenMM's units, from tables where there are some
_Tables = dict[str, np.ndarray]
_PAIRS: dict[str, Callable[[_Values, _Tables], tuple[np.ndarray, np.ndarray]]] = {
    "A1*A2/r^12-C1*C2/r^6": lambda v, _: (np.outer(v["A"], v["A"]), np.outer(v["C"], v["C"])),
    "(a/r6)^2-b/r6;r6=r^6;a=acoef(type1,type2);b=bcoef(type1,type2)": lambda v, tables: (
        _looked_up(tables["acoef"], v) ** 2, _looked_up(tables["bcoef"], v)
    ),
    "acoef(type1,type2)/r^12-bcoef(type1,type2)/r^6": lambda v, tables: (
        _looked_up(tables["acoef"], v), _looked_up(tables["bcoef"], v)
    ),
}  # fmt: skip
#: a number that its writer has put into an expression: pi, or the factor of 1-4 pairs
_NUMBER = re.compile(r"^[0-9.]+(?=\*epsilon)|(?<=pi=)[0-9.]+|(?<=2\*)3\.14[0-9]*")


class _Lacking(Exception):
    """What cannot be had in arrays."""


def terms_of_file(case: Case, given: GivenSystem) -> Terms | str:
    """See :func:`polcouple.engines.native.case_terms.terms_of_case`; ``given`` is the case's."""
    try:
        return _terms(case, given)
    except _Lacking as lacking:
        return f"{lacking} in {given.path.name}"


def _terms(case: Case, given: GivenSystem) -> Terms:
    force_field = case.system.force_field
    assert isinstance(force_field, GivenForceField)
    place = np.empty(given.system.getNumParticles(), int)
    place[given.atoms] = np.arange(len(given.atoms))
    place[given.site_particles] = len(given.atoms) + np.arange(len(given.sites))
    frozen = np.zeros(len(place), bool)
    frozen[case.electrode_indices] = True
    charges = np.concatenate([case.charges, given.sites.charges])
    inside = []
    for force in given.system.getForces():
        if type(force).__name__ in BONDED and _count(force):
            terms = _inside(force, place)
            if force_field.electrode_bonded == "drop":
                terms = _of(terms, ~frozen[terms.atoms].all(axis=1))
            if len(terms.atoms):
                inside.append(terms)
    lennard_jones, pairs, corrected = _between(given, place, frozen, charges)
    constant = beyond_cutoff(lennard_jones, abs(float(np.linalg.det(case.cell)))) if corrected else 0.0
    return Terms(charges, lennard_jones, pairs, tuple(inside), constant)


def _of(terms: Listed, kept: np.ndarray) -> Listed:
    return Listed(terms.function, np.ascontiguousarray(terms.atoms[kept]), terms.parameters[kept])


def _expression(force: Any) -> tuple[str, float]:
    """An energy function without spaces, # in place of a number that its writer has put in, and this."""
    text = "".join(force.getEnergyFunction().split()).rstrip(";")
    numbers = _NUMBER.findall(text)
    return _NUMBER.sub("#", text), float(numbers[0]) if numbers else 0.0


def _count(force: Any) -> int:
    """Number of terms."""
    words = ("Bonds", "Angles", "Torsions")
    return sum(getattr(force, f"getNum{word}")() for word in words if hasattr(force, f"getNum{word}"))


def _inside(force: Any, place: np.ndarray) -> Listed:
    """Terms within molecules of one force."""
    kind = type(force).__name__
    if kind in _OWN:
        word, size, function, order, units = _OWN[kind]
    elif kind in _CUSTOM:
        word, size, loops = _CUSTOM[kind]
        expression, number = _expression(force)
        if expression not in loops or force.getNumGlobalParameters():
            raise _Lacking(f"{kind} '{force.getEnergyFunction()[:40]}'")
        function, convert, units = loops[expression]
    else:
        raise _Lacking({"CMAPTorsionForce": "CMAP terms"}.get(kind, kind))
    read = getattr(force, f"get{word}Parameters")
    rows = [read(i) for i in range(getattr(force, f"getNum{word}s")())]
    atoms = place[np.array([row[:size] for row in rows], int).reshape(-1, size)]
    if kind in _OWN:
        values = np.array([[getattr(value, "_value", value) for value in row[size:]] for row in rows], float)
        columns = values.reshape(len(rows), len(order)).T[list(order)]
    else:
        names = [
            getattr(force, f"getPer{word}ParameterName")(i)
            for i in range(getattr(force, f"getNumPer{word}Parameters")())
        ]
        table = np.array([row[size] for row in rows], float).reshape(-1, len(names))
        found = dict(zip(names, table.T, strict=True)) | {"#": np.full(len(rows), number)}
        columns = np.array(convert(found))
    return Listed(function, atoms, np.ascontiguousarray((columns.T * units).reshape(len(rows), len(units))))


def _between(
    given: GivenSystem, place: np.ndarray, frozen: np.ndarray, charges: np.ndarray
) -> tuple[LennardJones, Listed, bool]:
    """Lennard-Jones interactions of all pairs, what excluded pairs have instead, whether tails are added."""
    coulomb, n = given.nonbonded, len(place)
    custom = [f for f in given.system.getForces() if isinstance(f, openmm.CustomNonbondedForce)]
    of_particles = np.array([[v._value for v in coulomb.getParticleParameters(i)] for i in range(n)])
    own = of_particles[np.argsort(place), 1:]  # in the order of places
    own[own[:, 1] == 0.0] = 0.0
    rows, tables = [own], []
    for force in custom:
        rows.append(_parameters(force, n)[np.argsort(place)])
        tables.append(_pair_function(force))
    ends = np.cumsum([row.shape[1] for row in rows])[:-1]

    def table(kinds: list[Any]) -> tuple[np.ndarray, np.ndarray]:
        first, *others = np.split(np.array(kinds, float), ends, axis=1)
        repulsion, attraction = lorentz_berthelot(first[:, 0] * _NM, first[:, 1] * _KJ)
        for of_kinds, function in zip(others, tables, strict=True):
            a, c = function(of_kinds)
            repulsion, attraction = repulsion + a * _REPULSION, attraction + c * _ATTRACTION
        return repulsion, attraction

    found = by_kind([tuple(row) for row in np.concatenate(rows, axis=1).tolist()], table)
    acting = [force for force in (coulomb, *custom) if not isinstance(force, openmm.NonbondedForce)]
    if own[:, 1].any() or not acting:
        acting.append(coulomb)
    cutoff, switch, corrected = _ranges(acting)
    exceptions = [coulomb.getExceptionParameters(i) for i in range(coulomb.getNumExceptions())]
    atoms = np.array([[i, j] for i, j, *_ in exceptions], int).reshape(-1, 2)
    for force in custom:
        excluded = {frozenset(force.getExclusionParticles(i)) for i in range(force.getNumExclusions())}
        if excluded != {frozenset(pair) for pair in atoms.tolist()}:
            raise _Lacking("exclusions that differ between CustomNonbondedForce and NonbondedForce")
    atoms = place[atoms]
    liquid = ~frozen[atoms].all(axis=1)  # those of electrodes do not interact anyway
    values = np.array([[v._value for v in row[2:]] for row in exceptions], float).reshape(-1, 3)[liquid]
    atoms = np.ascontiguousarray(atoms[liquid])
    attraction = 4.0 * values[:, 2] * _KJ * (values[:, 1] * _NM) ** 6
    parameters = np.stack(
        [values[:, 0] - charges[atoms].prod(axis=1), attraction * (values[:, 1] * _NM) ** 6, attraction],
        axis=1,
    )
    lennard_jones = LennardJones(*found, cutoff, switch, np.empty((0, 2), int))
    excluded = atoms[interacting(lennard_jones, atoms)]
    lennard_jones = LennardJones(*found, cutoff, switch, excluded)
    listed = _of(Listed(bonded.listed_pairs, atoms, parameters), np.asarray(parameters.any(axis=1)))
    return lennard_jones, listed, corrected


def _ranges(forces: list[Any]) -> tuple[float, float, bool]:
    """Of Lennard-Jones interactions: cut-off, where they begin to be switched off, in bohr, and whether the
    energy beyond is added.
    """
    ranges = set()
    for force in forces:
        corrections = "DispersionCorrection", "LongRangeCorrection"
        corrected = [
            getattr(force, f"getUse{one}")() for one in corrections if hasattr(force, f"getUse{one}")
        ]
        cutoff = force.getCutoffDistance()._value
        switch = force.getSwitchingDistance()._value if force.getUseSwitchingFunction() else cutoff
        ranges.add((cutoff * _NM, switch * _NM, any(corrected)))
    if len(ranges) > 1:
        raise _Lacking("Lennard-Jones interactions with several cut-offs")
    return ranges.pop()


def _parameters(force: openmm.CustomNonbondedForce, n: int) -> np.ndarray:
    """(n, p) of the particles."""
    count = force.getNumPerParticleParameters()
    return np.array([force.getParticleParameters(i) for i in range(n)], float).reshape(n, count)


def _pair_function(
    force: openmm.CustomNonbondedForce,
) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """A and C (k, k) of k kinds by their parameters (k, p), in OpenMM's units."""
    expression, _ = _expression(force)
    if expression not in _PAIRS or force.getNumGlobalParameters() or force.getNumComputedValues():
        raise _Lacking(f"CustomNonbondedForce '{force.getEnergyFunction()[:40]}'")
    if force.getNumInteractionGroups():
        raise _Lacking("interaction groups")
    names = [force.getPerParticleParameterName(i) for i in range(force.getNumPerParticleParameters())]
    tables = {}
    for index in range(force.getNumTabulatedFunctions()):
        table = force.getTabulatedFunction(index)
        if not isinstance(table, openmm.Discrete2DFunction):
            raise _Lacking(f"a {type(table).__name__} in a CustomNonbondedForce")
        width, height, values = table.getFunctionParameters()
        tables[force.getTabulatedFunctionName(index)] = np.array(values).reshape(height, width).T
    return lambda kinds: _PAIRS[expression](dict(zip(names, kinds.T, strict=True)), tables)


def _looked_up(table: np.ndarray, values: _Values) -> np.ndarray:
    kinds = np.rint(values["type"]).astype(int)
    return np.asarray(table[np.ix_(kinds, kinds)])
