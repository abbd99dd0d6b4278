"""Whether a structure has the atoms of a force field in its order: by the names that both have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from polcouple.errors import InputError
from polcouple.importing.source import Source
from polcouple.log import log

#: letters of a name that all formats have room for
_LETTERS = 4


def check_names(source: Source, names: Sequence[str] | None, residue_names: Sequence[str] | None) -> None:
    """Refuse the atoms of a force field in another order; a line tells of names that are others.

    Args:
        names, residue_names: of each atom of the structure, None where its format has none.

    Raises:
        InputError: atoms or residues have the names of the force field in another order.
    """
    for what, own, found in (
        ("atom", source.labels, names),
        ("residue of atom", source.residue_names, residue_names),
    ):
        pairs = enumerate(zip(own, own if found is None else found, strict=True), 1)
        other = [(i, a.upper(), b.upper()) for i, (a, b) in pairs if not _same(a.upper(), b.upper())]
        ours, theirs = {a for _, a, _ in other}, {b for _, _, b in other}
        # names that only one of both has are another way to name the same
        crossed = [(i, a, b) for i, a, b in other if a in theirs and b in ours]
        if crossed and Counter(a for _, a, _ in crossed) == Counter(b for _, _, b in crossed):
            i, a, b = crossed[0]
            raise InputError(
                f"{source.structure}: has the atoms of {source.path} in another order: {what} {i} (from 1) is"
                f" {b}, and {a} there; write the structure in the order of the force field"
            )
        if other and what == "atom":
            i, a, b = other[0]
            log(
                f"warning: {len(other)} atoms have other names in {source.structure} than in {source.path},"
                f" the first is atom {i} (from 1: {b}, and {a} there): is the order the same?"
            )


def openmms_names(
    names: Sequence[str], residue_names: Sequence[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Of atoms and residues, as OpenMM's readers of .psf, .prmtop, .pdb and .cif have them (HOH for TIP3)."""
    import openmm.app as app

    app.PDBFile._loadNameReplacementTables()
    residues = [app.PDBFile._residueNameReplacements.get(name, name) for name in residue_names]
    atoms = app.PDBFile._atomNameReplacements
    found = [atoms.get(residue, {}).get(name, name) for residue, name in zip(residues, names, strict=True)]
    return tuple(found), tuple(residues)


def _same(own: str, found: str) -> bool:
    """Names longer than a format has room for are cut there."""
    return own == found or (len(found) >= _LETTERS and own.startswith(found))
