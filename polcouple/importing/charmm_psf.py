"""A psf by OpenMM's reader, with names of atoms that it takes for sites of other kinds."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

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
