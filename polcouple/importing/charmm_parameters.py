"""What OpenMM's reader of CHARMM's parameter files passes over: periodicities, and options of NONBONDED."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openmm

from polcouple.errors import InputError

#: by CHARMM's four letters: options of NONBONDED for its lists and cut-offs, with a number
_NUMBERS = ("CUTN", "CTOF", "CTON", "WMIN", "INBF", "IMGF", "CUTI")
#: and without one; arithmetic combination and a constant dielectric are what is computed here
_WORDS = (
    "ATOM", "GROU", "VATO", "VGRO", "VDIS", "CDIE", "SHIF", "FSHI", "SWIT", "FSWI", "VSHI", "VSWI", "VFSW",
    "BYGR", "BYCU", "NOEX", "ELEC", "VDW", "ARIT",
)  # fmt: skip
#: of those that change energies, the only values that are computed here
_ONLY = {"EPS": 1.0, "NBXM": 5.0}
_SECTIONS = {
    "DIHE": "DIHEDRALS", "PHI": "DIHEDRALS", "IMPR": "IMPROPER", "IMPH": "IMPROPER", "NONB": "NONBONDED",
    "NBON": "NONBONDED",
}  # fmt: skip
_OTHERS = ("ATOM", "BOND", "ANGL", "THET", "CMAP", "NBFI", "THOL", "HBON", "END", "RESI", "PRES", "READ")


@dataclass(frozen=True)
class Improper:
    """One line of IMPROPER: its place for messages, and its periodicity."""

    where: str
    periodicity: int


def read_impropers(paths: Sequence[Path]) -> dict[tuple[str, ...], list[Improper]]:
    """Lines of IMPROPER by their types in OpenMM's order; options of NONBONDED are looked over.

    Raises:
        InputError: options of NONBONDED change energies in a way that is not computed here.
    """
    found: dict[tuple[str, ...], list[Improper]] = {}
    for path in paths:
        section, in_header = "", False
        for number, line in _statements(path):
            words = line.split()
            where = f"{path}:{number}"
            start = next((name for name in _SECTIONS if line.startswith(name)), None)
            if start is not None:
                section = _SECTIONS[start]
                in_header = section == "NONBONDED"
                if in_header:
                    _check_options(where, words[1:])
            elif line.startswith(_OTHERS):
                section = ""
            elif section == "IMPROPER" and len(words) > 6 and all(map(_is_number, words[4:7])):
                improper = Improper(where, abs(int(float(words[5]))))
                found.setdefault(_in_order(words[:4]), []).append(improper)
            elif in_header and section == "NONBONDED":
                in_header = not (len(words) > 3 and all(map(_is_number, words[1:4])))
                if in_header:
                    raise InputError(
                        f"{where}: {' '.join(words[:3])} ... belongs to no line of NONBONDED; end the line"
                        " before it with -"
                    )
    return found


def settle_periodicities(
    system: openmm.System, psf: Any, known: Any, lines: dict[tuple[str, ...], list[Improper]]
) -> None:
    """Impropers with a periodicity n are k (1 + cos(n phi - phi0)), dihedrals with none k (phi - phi0)^2.

    OpenMM's reader (8.6) takes all impropers as harmonic and all dihedrals as cosines; CHARMM goes by the
    periodicity for both (parmfile.info).

    Args:
        psf, known: OpenMM's file and parameters, of which ``system`` is.
        lines: of :func:`read_impropers`.

    Raises:
        InputError: an improper has several terms, of which OpenMM keeps one.
    """
    of_type = {id(kind): lines[key] for key, kind in known.improper_types.items() if key in lines}
    cosines = next(f for f in system.getForces() if isinstance(f, openmm.PeriodicTorsionForce))
    springs = next(f for f in system.getForces() if isinstance(f, openmm.CustomTorsionForce))
    n_springs = springs.getNumTorsions()
    for index in range(cosines.getNumTorsions()):
        *atoms, periodicity, phase, k = cosines.getTorsionParameters(index)
        if periodicity == 0:
            cosines.setTorsionParameters(index, *atoms, 1, phase, 0.0)
            springs.addTorsion(*atoms, [k._value, phase._value])
    for index, improper in zip(range(n_springs), psf.improper_list, strict=True):
        terms = of_type.get(id(improper.improper_type), [])
        periodicities = {term.periodicity for term in terms}
        if len(periodicities) > 1:
            raise InputError(
                f"{terms[-1].where}: an improper of the types of {terms[0].where} with another periodicity;"
                " one term is computed for each improper, leave one of these lines"
            )
        if periodicities - {0}:
            *atoms, (k, phase) = springs.getTorsionParameters(index)
            springs.setTorsionParameters(index, *atoms, [0.0, phase])
            cosines.addTorsion(*atoms, periodicities.pop(), phase, k)


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
    if not _is_number(word):
        raise InputError(f"{where}: NONBONDED {option} needs a number, not {word!r}")
    return float(word)


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _in_order(types: list[str]) -> tuple[str, ...]:
    """As OpenMM's keys are: of both directions the one with the smaller ends, then the smaller middle."""
    return min(tuple(types), tuple(reversed(types)))


def _statements(path: Path) -> Iterator[tuple[int, str]]:
    """Number of the first line, and text in capitals, of each statement: lines that end with - go on."""
    start, text = 0, ""
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        start = start if text else number
        text = (text + line.partition("!")[0].strip()).upper()
        if text.endswith("-"):
            text = text[:-1] + " "
            continue
        if text.strip() and not text.startswith("*"):
            yield start, text
        text = ""
