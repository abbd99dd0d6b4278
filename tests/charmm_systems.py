"""CHARMM's files of small systems."""

from itertools import pairwise

import numpy as np
import openmm.app as app
from openmm.unit import Quantity, nanometer


def write_psf(path, rows, bonds, angles=(), dihedrals=(), impropers=(), lone_pairs=(), excluded=None):
    """Rows are of residue, name, type, charge and mass; the other arguments tuples of atoms from 1.

    A residue ends where its name changes. ``excluded``: lists of partners by atom, from 1.
    """
    changes = [first[0] != second[0] for first, second in pairwise(rows)]
    numbers = np.cumsum([1, *changes])
    atoms = [f"{i + 1:8d} S {numbers[i]} {' '.join(row)} 0" for i, row in enumerate(rows)]
    sections = [("!NTITLE", 1, [" REMARKS a test"]), ("!NATOM", len(atoms), atoms)]
    named = ("!NBOND: bonds", bonds), ("!NTHETA: angles", angles), ("!NPHI: dihedrals", dihedrals)
    for name, found in (*named, ("!NIMPHI: impropers", impropers)):
        sections.append((name, len(found), [" ".join(map(str, term)) for term in found] or [""]))
    sections += [(name, 0, [""]) for name in ("!NDON: donors", "!NACC: acceptors")]
    partners = [(excluded or {}).get(atom, []) for atom in range(1, len(rows) + 1)]
    ends = np.cumsum([len(own) for own in partners])
    numbers = [*(one for own in partners for one in own), *ends] if excluded else []
    lines = [" ".join(map(str, numbers[i : i + 8])) for i in range(0, len(numbers), 8)]
    sections.append(("!NNB", ends[-1], lines or [""]))
    text = ["PSF", ""]
    for name, count, lines in sections:
        text += [f"{count:8d} {name}", *lines, ""]
    text += ["       0       0 !NGRP NST2", "", ""]
    if lone_pairs:  # the line of each, and its atoms from 1, the site first
        atoms = " ".join(str(atom) for _, own in lone_pairs for atom in own)
        count = sum(len(own) for _, own in lone_pairs)
        text += [
            f"{len(lone_pairs):8d}{count:8d} !NUMLP NUMLPH",
            *(line for line, _ in lone_pairs),
            atoms,
            "",
        ]
    path.write_text("\n".join(text))


def write_pdb(path, names, places, residues=None):
    """One residue MOL, or a residue for each atom, places in Angstrom."""
    topology = app.Topology()
    chain = topology.addChain()
    whole = None if residues else topology.addResidue("MOL", chain)
    for name, own in zip(names, residues or names, strict=True):
        topology.addAtom(name, app.element.carbon, whole or topology.addResidue(own, chain))
    with path.open("w") as stream:
        app.PDBFile.writeFile(topology, Quantity(0.1 * places, nanometer), stream)
