"""A psf by OpenMM's reader, with names of atoms that it takes for sites of other kinds."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import openmm.app as app


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
