"""A psf by OpenMM's reader, with names of atoms that it takes for sites of other kinds, and exclusions."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

import openmm
import openmm.app as app

from polcouple.errors import InputError


def open_psf(path: Path, box: Any) -> app.CharmmPsfFile:
    """OpenMM's reader, with the atoms' own names.

    OpenMM (8.6) takes all names that begin with D for Drude particles, and those that begin with LP, and OM,
    for sites, and leaves their bonds out. Atoms with a mass have other names while it reads.

    Args:
        box: vectors with OpenMM's units.
    """
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    names = {} if not lines or "DRUDE" in lines[0].split() else _rename(lines)
    if not names:
        return app.CharmmPsfFile(str(path), periodicBoxVectors=box)
    with tempfile.TemporaryDirectory() as folder:
        renamed = Path(folder) / path.name
        renamed.write_text("\n".join([*lines, ""]), encoding="utf-8")
        psf = app.CharmmPsfFile(str(renamed), periodicBoxVectors=box)
    for index, name in names.items():
        psf.atom_list[index].name = name
    return psf


def check_types(path: Path, psf: app.CharmmPsfFile, known: app.CharmmParameterSet) -> None:
    """Refuse types whose parameters are not certain.

    Raises:
        InputError: a number stands for two types, or a type has no line of NONBONDED.
    """
    names: dict[int, set[str]] = {}
    for name, number in known.atom_types_tuple:
        names.setdefault(number, set()).add(name)
    for kind in dict.fromkeys(atom.attype for atom in psf.atom_list):
        if len(names.get(kind, ())) > 1:
            raise InputError(
                f"{path}: the atom type {kind} is {' and '.join(sorted(names[kind]))} by lines of MASS; write"
                " the psf with names of types (XPLOR)"
            )
        found = (known.atom_types_int if isinstance(kind, int) else known.atom_types_str).get(kind)
        if found is not None and found.epsilon is None:
            raise InputError(f"{path}: the atom type {found.name} has no line of NONBONDED")


def read_exclusions(path: Path) -> list[tuple[int, int]]:
    """Pairs of atoms, from 0, that !NNB lists, which OpenMM's reader passes over.

    Raises:
        InputError: the section is not as CHARMM writes it.
    """
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    counts = {line.partition("!")[2].split()[0]: line.split()[0] for line in lines if "!N" in line}
    if int(counts.get("NNB", 0)) == 0:
        return []
    n_atoms, n_pairs = int(counts["NATOM"]), int(counts["NNB"])
    start = next(i for i, line in enumerate(lines) if "!NNB" in line) + 1
    words = " ".join(takewhile(lambda line: "!" not in line, lines[start:])).split()
    try:
        partners, ends = [int(word) - 1 for word in words[:n_pairs]], list(map(int, words[n_pairs:]))
    except ValueError:
        partners, ends = [], []
    pairs = [
        (atom, partner)
        for atom, (begin, end) in enumerate(zip([0, *ends], ends, strict=False))
        for partner in partners[begin:end]
    ]
    if len(ends) != n_atoms or len(pairs) != n_pairs or any(not 0 <= b < n_atoms or a == b for a, b in pairs):
        raise InputError(
            f"{path}: !NNB lists {n_pairs} excluded atoms and needs as many numbers, and one of each of its"
            f" {n_atoms} atoms; write the psf again"
        )
    return pairs


def exclude(system: openmm.System, pairs: Sequence[tuple[int, int]]) -> None:
    """Let pairs of atoms not interact."""
    for force in system.getForces() if pairs else ():
        if isinstance(force, openmm.NonbondedForce):
            for first, second in pairs:
                force.addException(first, second, 0.0, 0.1, 0.0, True)
        elif isinstance(force, openmm.CustomNonbondedForce):
            known = {frozenset(force.getExclusionParticles(i)) for i in range(force.getNumExclusions())}
            for pair in {frozenset(pair): pair for pair in pairs if frozenset(pair) not in known}.values():
                force.addExclusion(*pair)


def _rename(lines: list[str]) -> dict[int, str]:
    """Change names in the lines of !NATOM; the names that were there, by index of atom."""
    start = next((i for i, line in enumerate(lines) if "!NATOM" in line), None)
    if start is None:
        return {}
    names = {}
    for index in range(int(lines[start].split()[0])):
        words = lines[start + 1 + index].split()
        name, mass = words[4], float(words[7])
        if mass > 0.0 and (name.startswith(("D", "LP")) or name == "OM"):
            names[index] = name
            words[4] = "X" + name
            lines[start + 1 + index] = " ".join(words)
    return names
