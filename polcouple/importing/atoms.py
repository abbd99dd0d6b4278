"""Which atoms a source has, what they are, which belong together, and which are electrodes."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from polcouple.case.given_system import GivenSystem
from polcouple.errors import InputError
from polcouple.importing.source import Source
from polcouple.units import BOHR_TO_ANGSTROM, DALTON_TO_ELECTRON_MASS

#: an atom without an element has that whose mass is as close, in u
_SAME_MASS = 0.05
#: a message names as many atoms
_MOST_NAMED = 4


@dataclass(frozen=True, eq=False)
class Atoms:
    """The N atoms of a source, without its virtual sites.

    Attributes:
        elements: chemical symbol of each.
        labels: name of each in the force field.
        residues: residue name of each.
        molecules: (N,) number of the molecule of each, in the order of their first atoms.
        universe: of MDAnalysis, for selections.
    """

    elements: tuple[str, ...]
    labels: tuple[str, ...]
    residues: tuple[str, ...]
    molecules: np.ndarray
    universe: Any


def atoms_of(source: Source, given: GivenSystem) -> Atoms:
    """The atoms of a source whose System is ``given``.

    Raises:
        InputError: an element is not known, or a molecule's atoms do not follow one another.
    """
    own = given.atoms.tolist()
    labels = tuple(source.labels[i] for i in own)
    masses = given.masses / DALTON_TO_ELECTRON_MASS
    elements = tuple(
        source.elements[particle] or _element(source.path, atom, labels[atom], masses[atom])
        for atom, particle in enumerate(own)
    )
    residues = tuple(source.residue_names[i] for i in own)
    molecules = _molecules(given)
    jumps = np.flatnonzero(np.diff(molecules) < 0)
    if len(jumps):
        atom = int(jumps[0]) + 1
        raise InputError(
            f"{source.path}: atom {atom} ({residues[atom]} {labels[atom]}) belongs to a molecule that began"
            f" before atom {atom - 1}'s; bring each molecule's atoms together"
        )
    return Atoms(elements, labels, residues, molecules, _universe(source, given, elements, labels))


def selected(atoms: Atoms, selections: list[str], indices: list[Path]) -> list[np.ndarray]:
    """Atoms of each electrode, ascending: by selections of MDAnalysis or by files of indices from 0.

    Raises:
        InputError: nothing is selected, a selection cannot be read, or two electrodes share atoms.
    """
    found = [(f"--electrode '{text}'", _select(atoms, text)) for text in selections]
    found += [(f"--electrode-indices {path}", _listed(path, len(atoms.labels))) for path in indices]
    if not found:
        raise InputError(
            "no electrode: name its atoms by --electrode 'resname GRA', in MDAnalysis' selection language, or"
            " by --electrode-indices FILE"
        )
    taken = np.zeros(len(atoms.labels), bool)
    for where, chosen in found:
        if not len(chosen):
            residues = ", ".join(dict.fromkeys(atoms.residues))
            raise InputError(f"{where} matches no atom; residues there: {residues[:200]}")
        if taken[chosen].any():
            atom = int(chosen[taken[chosen]][0])
            raise InputError(f"{where} has atom {atom}, which is another electrode's already")
        taken[chosen] = True
        inside = np.isin(atoms.molecules, np.unique(atoms.molecules[chosen]))
        inside[chosen] = False
        if inside.any():
            missing = np.flatnonzero(inside)
            named = [f"{i} ({atoms.residues[i]} {atoms.labels[i]})" for i in missing[:_MOST_NAMED].tolist()]
            more = f" and {len(missing) - _MOST_NAMED} more" if len(missing) > _MOST_NAMED else ""
            raise InputError(
                f"{where} matches part of a molecule: {len(missing)} bonded atoms are not in it,"
                f" {', '.join(named)}{more} (counted from 0); electrodes need whole molecules (same fragment"
                " as ...)"
            )
    if taken.all():
        raise InputError(f"{found[0][0]} matches every atom; no liquid is left")
    return [chosen for _, chosen in found]


def _element(path: Path, atom: int, label: str, mass: float) -> str:
    """By its mass, where the files do not name it."""
    from ase.data import atomic_masses, chemical_symbols

    nearest = int(np.nanargmin(np.abs(atomic_masses[1:] - mass))) + 1
    if abs(atomic_masses[nearest] - mass) > _SAME_MASS:
        raise InputError(
            f"{path}: the element of atom {atom} ({label}, {mass:g} u) is not known; give its type an atomic"
            " number"
        )
    return str(chemical_symbols[nearest])


def _molecules(given: GivenSystem) -> np.ndarray:
    """(N,) number of the molecule of each atom: what bonds, constraints, exclusions and sites connect."""
    n = given.system.getNumParticles()
    force = given.nonbonded
    excluded = [force.getExceptionParameters(i)[:2] for i in range(force.getNumExceptions())]
    sites = np.repeat(given.site_particles, given.sites.parents.shape[1])
    pairs = np.concatenate(
        [
            np.array(excluded, int).reshape(-1, 2),
            given.atoms[given.bonds],
            given.atoms[given.constraints],
            np.stack([sites, given.atoms[given.sites.parents].ravel()], axis=1),
        ]
    )
    graph = coo_array((np.ones(len(pairs)), pairs.T), shape=(n, n))
    _, components = connected_components(graph, directed=False)
    _, first, number = np.unique(components[given.atoms], return_index=True, return_inverse=True)
    return np.asarray(np.argsort(np.argsort(first))[number])


def _universe(source: Source, given: GivenSystem, elements: tuple[str, ...], labels: tuple[str, ...]) -> Any:
    from MDAnalysis import Universe
    from MDAnalysis.lib.mdamath import triclinic_box

    own = given.atoms.tolist()
    numbers = np.array([source.residue_numbers[i] for i in own])
    names = [source.residue_names[i] for i in own]
    _, first, residue = np.unique(numbers, return_index=True, return_inverse=True)
    universe = Universe.empty(len(own), n_residues=len(first), atom_resindex=residue, trajectory=True)
    universe.add_TopologyAttr("names", list(labels))
    universe.add_TopologyAttr("elements", list(elements))
    universe.add_TopologyAttr("types", list(elements))
    universe.add_TopologyAttr("resnames", [names[i] for i in first])
    universe.add_TopologyAttr("resids", numbers[first])
    universe.add_TopologyAttr("charges", given.charges)
    universe.add_TopologyAttr("masses", given.masses / DALTON_TO_ELECTRON_MASS)
    universe.add_TopologyAttr("bonds", [tuple(pair) for pair in given.bonds.tolist()])
    universe.atoms.positions = source.positions[given.atoms] * BOHR_TO_ANGSTROM
    universe.dimensions = triclinic_box(*(source.cell * BOHR_TO_ANGSTROM))
    return universe


def _select(atoms: Atoms, text: str) -> np.ndarray:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return np.sort(atoms.universe.select_atoms(text).indices)
    except Exception as error:  # MDAnalysis raises what the words make it raise
        raise InputError(f"--electrode '{text}': MDAnalysis cannot select that ({error})") from None


def _listed(path: Path, n: int) -> np.ndarray:
    try:
        words = path.read_text().split()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from None
    for word in words:
        if not (word.isascii() and word.isdigit() and int(word) < n):
            raise InputError(f"{path}: '{word[:20]}' is no index of an atom from 0 to {n - 1}")
    chosen, counts = np.unique(np.array(words, int), return_counts=True)
    if len(counts) and counts.max() > 1:
        raise InputError(f"{path}: atom {chosen[counts.argmax()]} stands twice")
    return chosen
