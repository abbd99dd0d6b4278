"""Parts of CHARMM's topology, parameter and stream files in the order in which the files are named.

OpenMM (8.6) reads files by suffix, .rtf, .prm and .str, in whatever order they are named, so that no .prm
comes after a .str; it leaves out NBFIX of types whose MASS it has not seen yet, and forgets what it knew of a
type whose MASS comes again. Here all lines of MASS are read first, then the parameters of one part after the
other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import openmm.app as app

from polcouple.errors import InputError
from polcouple.importing.structure import unreadable
from polcouple.importing.words import is_number
from polcouple.log import log

Kind = Literal["topology", "parameters"]
#: headings of sections of parameters by their first letters, and what the section is called here
_HEADINGS = {
    "ATOM": "ATOMS", "BOND": "BONDS", "ANGL": "ANGLES", "THET": "ANGLES", "DIHE": "DIHEDRALS",
    "PHI": "DIHEDRALS", "IMPR": "IMPROPER", "IMPH": "IMPROPER", "CMAP": "CMAP", "NONB": "NONBONDED",
    "NBON": "NONBONDED", "NBFI": "NBFIX", "THOL": "NBTHOLE", "HBON": "HBOND", "END": "",
}  # fmt: skip
#: what a stream file reads
_READ: dict[str, Kind] = {"RTF": "topology", "PARA": "parameters"}
#: letters that stand for others in CHARMM's names of types
_WILD = "*%#+"
#: words of a line of DIHEDRALS: four types, constant, periodicity and phase
_DIHEDRAL = 7


@dataclass(frozen=True)
class Statement:
    """One line, with those that it goes on by.

    Attributes:
        where: file and number of its first line, for messages.
        text: in capitals, without comments.
        section: of a parameter file, empty outside of all.
        heads: it begins the section.
    """

    where: str
    text: str
    section: str
    heads: bool


@dataclass(frozen=True)
class Part:
    """What CHARMM reads at once: a file, or of a .str what stands between `read` and `end`.

    Attributes:
        path: of the file.
        kind: of its statements.
    """

    path: Path
    kind: Kind
    statements: tuple[Statement, ...]


def read_parts(paths: Sequence[Path]) -> list[Part]:
    """Parts of the files, in their order.

    Raises:
        InputError: a suffix is not known, a .str reads other files, or there is what would have no effect.
    """
    return [part for path in paths for part in _parts_of(path)]


def parameter_set(parts: Sequence[Part]) -> app.CharmmParameterSet:
    """OpenMM's parameters; of two lines for the same types the last counts, of dihedrals the last lines that
    follow one another.

    Raises:
        InputError: OpenMM cannot read a part, or leaves out a line of NBFIX that has wildcards.
    """
    known = app.CharmmParameterSet()
    left_out = _replaced_dihedrals(parts)
    for part in parts:
        with _named(part.path):
            known.readTopologyFile([statement.text for statement in part.statements])
    for part in parts:
        if part.kind == "topology":
            continue
        for statement in part.statements:
            _check_wildcards(statement, known)
        kept = [
            "NBFIX" if statement.heads and statement.section == "NBFIX" else statement.text
            for statement in part.statements
            if statement.where not in left_out and not statement.text.startswith("MASS")
        ]
        with _named(part.path):
            known.readParameterFile(kept)
    return known


def in_order(types: Sequence[str]) -> tuple[str, ...]:
    """The four types from the end from which they come first in the alphabet: both directions are one."""
    return min(tuple(types), tuple(reversed(types)))


def _parts_of(path: Path) -> Iterator[Part]:
    suffix, name = path.suffix.lower(), path.name.lower()
    lines = list(_lines(path))
    if suffix in (".rtf", ".top") or (suffix == ".inp" and "top" in name):
        yield _part(path, "topology", lines)
    elif suffix in (".prm", ".par") or (suffix == ".inp" and "par" in name):
        yield _part(path, "parameters", lines)
    elif suffix == ".str":
        yield from _parts_of_stream(path, lines)
    else:
        raise InputError(
            f"{path}: no suffix of CHARMM's files that is known; give .rtf, .prm, .par or .str (or .inp with"
            " top or par in its name)"
        )


def _parts_of_stream(path: Path, lines: Sequence[tuple[str, str]]) -> Iterator[Part]:
    kind: Kind | None = None
    found: list[tuple[str, str]] = []
    for where, text in lines:
        words = text.split()
        if kind is not None and words[0] != "END":
            found.append((where, text))
        elif kind is not None:
            yield _part(path, kind, found)
            kind, found = None, []
        elif any(word.startswith("STRE") for word in words) or (
            words[0] == "READ" and {"UNIT", "NAME"} & set(words)
        ):
            raise InputError(f"{where}: {text} has no effect here; name that file itself beside {path.name}")
        elif words[0] == "READ" and len(words) > 1:
            kind = _READ.get(words[1][:4])
    if kind is not None:
        raise InputError(f"{path}: ends before the `end` of what it reads; is it cut off?")


def _part(path: Path, kind: Kind, lines: Sequence[tuple[str, str]]) -> Part:
    section, statements = "", []
    for where, text in lines:
        word = text.split()[0]
        heading = next((name for name in _HEADINGS if word.startswith(name)), None)
        heads = kind == "parameters" and heading is not None
        if heads:
            section = _HEADINGS[str(heading)]
        elif kind == "parameters" and word.startswith("EQUI"):
            raise InputError(
                f"{where}: groups of equivalent types (EQUIVALENCE) are not known here; name types"
            )
        elif kind == "parameters" and not section and all(map(is_number, ["", *text.split()][-2:])):
            raise InputError(
                f"{where}: {text} stands in no section, and would have no effect; put a heading such as NBFIX"
                " before it"
            )
        statements.append(Statement(where, text, section, heads))
    return Part(path, kind, tuple(statements))


def _replaced_dihedrals(parts: Sequence[Part]) -> set[str]:
    """Places of lines of DIHEDRALS whose types have others later; the log tells of those with other numbers.

    The terms of one dihedral follow one another.
    """
    sets: dict[tuple[str, ...], list[list[Statement]]] = {}
    for part in parts:
        before = None
        for statement in part.statements:
            words = statement.text.split()
            if statement.section != "DIHEDRALS" or statement.heads or len(words) < _DIHEDRAL:
                continue
            key = in_order(words[:4])
            if key != before:
                sets.setdefault(key, []).append([])
            sets[key][-1].append(statement)
            before = key
    replaced = [(old, found[-1]) for found in sets.values() for old in found[:-1]]
    others = [(old, new) for old, new in replaced if _terms(old) != _terms(new)]
    if others:
        old, new = others[0]
        log(
            f"warning: {len(others)} dihedrals have other terms in a later place, which count; the first:"
            f" {new[0].where} instead of {old[0].where}"
        )
    return {statement.where for old, _ in replaced for statement in old}


def _terms(lines: Sequence[Statement]) -> list[list[float]]:
    return sorted([float(word) for word in line.text.split()[4:_DIHEDRAL]] for line in lines)


def _check_wildcards(statement: Statement, known: app.CharmmParameterSet) -> None:
    if statement.section != "NBFIX" or statement.heads:
        return
    for word in statement.text.split()[:2]:
        if word not in known.atom_types_str and set(word) & set(_WILD):
            raise InputError(
                f"{statement.where}: NBFIX of {word} is not known here; write a line for each type"
            )


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """What OpenMM's reader stumbles over as one line that names the file."""
    try:
        yield
    except Exception as error:
        raise unreadable(path, error) from None


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    """Place and text in capitals, without comments and titles; lines that end with - go on by the next."""
    where, text = "", ""
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        own = line.partition("!")[0].strip().upper()
        if not text and (not own or own.startswith("*")):
            continue
        where, text = where if text else f"{path}:{number}", text + own
        if text.endswith("-"):
            text = text[:-1] + " "
        else:
            yield where, text
            text = ""
    if text:
        yield where, text
