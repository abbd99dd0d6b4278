"""What OpenMM's reader of CHARMM's parameter files passes over: periodicities, the order of wildcards among
impropers, and options of NONBONDED."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import openmm

from polcouple.errors import InputError
from polcouple.importing.charmm_files import Part, in_order
from polcouple.importing.words import is_number

#: by CHARMM's four letters: options of NONBONDED for its lists and cut-offs, with a number
_NUMBERS = ("CUTN", "CTOF", "CTON", "WMIN", "INBF", "IMGF", "CUTI")
#: and without one; arithmetic combination and a constant dielectric are what is computed here
_WORDS = (
    "ATOM", "GROU", "VATO", "VGRO", "VDIS", "CDIE", "SHIF", "FSHI", "SWIT", "FSWI", "VSHI", "VSWI", "VFSW",
    "BYGR", "BYCU", "NOEX", "ELEC", "VDW", "ARIT",
)  # fmt: skip
#: of those that change energies, the only values that are computed here
_ONLY = {"EPS": 1.0, "NBXM": 5.0}


#: places of wildcards in the four types of an improper, in the order in which CHARMM looks for a match
#: (parmfile.info: A-B-C-D, A-X-X-B, X-A-B-C, X-A-B-X, X-X-A-B, each from both ends)
_WILDCARDS: tuple[tuple[tuple[int, ...], ...], ...] = (
    ((),), ((1, 2),), ((0,), (3,)), ((0, 3),), ((0, 1), (2, 3)),
)  # fmt: skip


@dataclass(frozen=True)
class Improper:
    """One line of IMPROPER.

    Attributes:
        where: its place, for messages.
        constant: k in kcal/mol, or kcal/mol/rad2 without a periodicity.
        periodicity: n, 0 for a harmonic one.
        phase: phi0 in degrees.
    """

    where: str
    constant: float
    periodicity: int
    phase: float


def read_impropers(parts: Sequence[Part]) -> dict[tuple[str, ...], list[Improper]]:
    """Lines of IMPROPER by their types (:func:`in_order`), those of later parts instead of earlier ones.

    Options of NONBONDED are looked over.

    Raises:
        InputError: options of NONBONDED change energies in a way that is not computed here, or wildcards
            of an improper stand where CHARMM knows none.
    """
    found: dict[tuple[str, ...], list[Improper]] = {}
    for part in parts:
        own: dict[tuple[str, ...], list[Improper]] = {}
        in_header = False
        for statement in part.statements:
            words = statement.text.split()
            if statement.heads:
                in_header = statement.section == "NONBONDED"
                if in_header:
                    _check_options(statement.where, words[1:])
            elif statement.section == "IMPROPER" and len(words) > 5 and all(map(is_number, words[4:7])):
                own.setdefault(in_order(words[:4]), []).append(_improper(statement.where, words))
            elif in_header:
                in_header = not (len(words) > 3 and all(map(is_number, words[1:4])))
                if in_header:
                    raise InputError(
                        f"{statement.where}: {' '.join(words[:3])} ... belongs to no line of NONBONDED; end"
                        " the line before it with -"
                    )
        found |= own
    return found


def settle_torsions(system: openmm.System, psf: Any, lines: dict[tuple[str, ...], list[Improper]]) -> None:
    """Impropers with a periodicity n are k (1 + cos(n phi - phi0)), dihedrals with none k (phi - phi0)^2.

    OpenMM's reader (8.6) takes all impropers as harmonic and all dihedrals as cosines, and of impropers with
    wildcards the one with the fewest; CHARMM goes by the periodicity for both, and by :data:`_WILDCARDS`
    (parmfile.info).

    Args:
        psf: OpenMM's file with its parameters, of which ``system`` is.
        lines: of :func:`read_impropers`.

    Raises:
        InputError: no line of IMPROPER is meant for an improper, or several that say different things.
    """
    cosines = next(f for f in system.getForces() if isinstance(f, openmm.PeriodicTorsionForce))
    springs = next(f for f in system.getForces() if isinstance(f, openmm.CustomTorsionForce))
    n_springs = springs.getNumTorsions()
    for index in range(cosines.getNumTorsions()):
        *atoms, periodicity, phase, k = cosines.getTorsionParameters(index)
        if periodicity == 0:
            cosines.setTorsionParameters(index, *atoms, 1, phase, 0.0)
            springs.addTorsion(*atoms, [k._value, phase._value])
        elif periodicity < 0:  # CHARMM's sign for "more terms follow"
            cosines.setTorsionParameters(index, *atoms, -periodicity, phase, k)
    for index, improper in zip(range(n_springs), psf.improper_list, strict=True):
        term = _meant(lines, [atom.type.name.upper() for atom in _atoms_of(improper)])
        *atoms, _ = springs.getTorsionParameters(index)
        k, phase = 4.184 * term.constant, math.radians(term.phase)
        springs.setTorsionParameters(index, *atoms, [0.0 if term.periodicity else k, phase])
        if term.periodicity:
            cosines.addTorsion(*atoms, term.periodicity, phase, k)


def _meant(lines: dict[tuple[str, ...], list[Improper]], types: Sequence[str]) -> Improper:
    """The line that CHARMM takes for an improper of four atom types."""
    for places in _WILDCARDS:
        tried = {in_order(["X" if i in wild else kind for i, kind in enumerate(types)]) for wild in places}
        found = [line for key in sorted(tried) for line in lines.get(key, ())]
        if not found:
            continue
        for other in found[1:]:
            if replace(other, where=found[0].where) != found[0]:
                raise InputError(
                    f"{other.where}: an improper for the types {'-'.join(types)}, as {found[0].where} is,"
                    " with other numbers; one term is computed for each improper, leave one of these lines"
                )
        return found[0]
    raise InputError(
        f"no line of IMPROPER is meant for the types {'-'.join(types)}; add one with these four types"
    )


def _atoms_of(improper: Any) -> tuple[Any, Any, Any, Any]:
    return improper.atom1, improper.atom2, improper.atom3, improper.atom4


def _improper(where: str, words: list[str]) -> Improper:
    """Of a line with four types, k, n and phi0, or k and phi0.

    Raises:
        InputError: wildcards stand where CHARMM knows none.
    """
    wild = tuple(i for i, kind in enumerate(words[:4]) if kind == "X")
    if not any(wild in places for places in _WILDCARDS):
        raise InputError(
            f"{where}: CHARMM knows no improper with wildcards as in {'-'.join(words[:4])}; write"
            " A-B-C-D, A-X-X-B, X-A-B-C, X-A-B-X or X-X-A-B"
        )
    k, *periodicity, phase = map(float, words[4:7])
    return Improper(where, k, abs(int(periodicity[0])) if periodicity else 0, phase)


def _check_options(where: str, words: list[str]) -> None:
    """Of one line of NONBONDED, with its continuations.

    Raises:
        InputError: an option changes energies, or is not known.
    """
    rest = iter(words)
    for word in rest:
        option = word[:4]
        if option in _WORDS:
            continue
        if option in _NUMBERS or word == "E14FAC":
            _number(where, word, next(rest, ""))
        elif option in _ONLY:
            value = _number(where, word, next(rest, ""))
            if value != _ONLY[option]:
                raise InputError(
                    f"{where}: NONBONDED {word} {value:g} would have no effect here, where {word}"
                    f" {_ONLY[option]:g} is computed alone; take a force field made for that"
                )
        else:
            raise InputError(
                f"{where}: NONBONDED {word} would have no effect here; take a force field made without it, or"
                " take the word out if it changes cut-offs alone"
            )


def _number(where: str, option: str, word: str) -> float:
    if not is_number(word):
        raise InputError(f"{where}: NONBONDED {option} needs a number, not {word!r}")
    return float(word)
