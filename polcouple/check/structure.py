"""Findings about the structure alone: units, atom order, overlaps, vacuum."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from polcouple.case.model import Case
from polcouple.case.structure_guard import StructureGuard
from polcouple.check.finding import Finding
from polcouple.electrostatics.slab import LEAST_VACUUM
from polcouple.errors import InputError
from polcouple.lattice.cell import heights, widest_gap
from polcouple.lattice.pairs import neighbour_pairs
from polcouple.number_words import charge as charge_words
from polcouple.number_words import fixed
from polcouple.units import BOHR_TO_ANGSTROM

#: atoms of different molecules never come so close in a liquid: with a hydrogen, without one (Angstrom)
_OVERLAP_HYDROGEN, _OVERLAP_HEAVY = 1.1, 1.6
#: electrode atoms closer than this belong to a cell that does not fit the sheet: without a hydrogen, with
#: one, whose bonds are shorter (Angstrom)
_OVERLAP_ELECTRODE, _OVERLAP_ELECTRODE_HYDROGEN = 1.0, 0.6
#: share of the electrode's charge that the periodic images' field may draw away
_DISPLACED_SHARE = 0.1


def check_structure(case: Case) -> Iterator[Finding]:
    """All findings of this module."""
    yield from check_order(case)
    yield from check_overlaps(case)
    yield from check_vacuum(case)


def check_order(case: Case) -> Iterator[Finding]:
    """Hydrogens that do not follow their oxygen."""
    try:
        StructureGuard(case).check_order(case.positions)
    except InputError as error:
        yield Finding("error", f"init.xyz: {error}")


def check_overlaps(case: Case) -> Iterator[Finding]:
    """Atoms of different molecules, or of the electrode, on top of one another."""
    pairs = neighbour_pairs(case.positions, case.cell, (True,) * 3, _OVERLAP_HEAVY / BOHR_TO_ANGSTROM)
    first, second = np.repeat(np.arange(len(case)), np.diff(pairs.first)), pairs.second
    distance = np.linalg.norm(pairs.vectors, axis=1) * BOHR_TO_ANGSTROM
    molecule = case.topology.molecules
    hydrogens = np.array(case.symbols) == "H"
    electrode = np.isin(np.arange(len(case)), case.electrode_indices)
    limit = np.where(hydrogens[first] | hydrogens[second], _OVERLAP_HYDROGEN, _OVERLAP_HEAVY)
    own = electrode[first] & electrode[second]
    limit[own] = np.where(
        hydrogens[first[own]] | hydrogens[second[own]], _OVERLAP_ELECTRODE_HYDROGEN, _OVERLAP_ELECTRODE
    )
    close = (first < second) & (molecule[first] != molecule[second]) & (distance < limit)
    if close.any():
        nearest = np.flatnonzero(close)[distance[close].argmin()]
        i, j = int(first[nearest]), int(second[nearest])
        yield Finding(
            "error",
            f"init.xyz: {close.sum()} overlapping pairs, the closest {case.symbols[i]} {i} and"
            f" {case.symbols[j]} {j} at {distance[nearest]:.2f} Angstrom; minimise the structure or build it"
            " anew with `polcouple build`",
        )


def check_vacuum(case: Case) -> Iterator[Finding]:
    """Thickness of the vacuum, and what the periodic images of a charged slab do through it.

    In three-dimensional periodicity with conducting surroundings a slab of dipole moment M along its normal
    feels the field -4 pi M/V of its images (Yeh and Berkowitz, J. Chem. Phys. 111, 3155 (1999)). A conducting
    liquid screens it with a charge of at most M/L_z on its surfaces, which then is missing at the electrode.
    The cell as a whole is neutral, so that the uniform backgrounds of electrode and electrolyte cancel.
    """
    height = float(heights(case.lattice)[2])
    inverse = np.linalg.inv(case.lattice)
    levels = (case.positions @ inverse)[:, 2]
    start, gap = widest_gap(levels, 1.0)
    vacuum = gap * height * BOHR_TO_ANGSTROM
    charges = np.zeros(len(case))
    for section in case.system.electrodes:
        own = section.indices
        charges[own] = section.total_charge_e / len(own)
    liquid = case.electrolyte_positions(case.positions) @ inverse
    displaced = 0.0
    for own, at in ((charges, levels), (case.electrolyte.charges, liquid[:, 2])):
        displaced += float(own @ ((at - (start + 0.5 * gap)) % 1.0))
    displaced = abs(displaced)
    if gap * height < LEAST_VACUUM and case.system.slab is None:
        yield Finding(
            "note", "vacuum: none, nor is any needed: liquid or electrode is at all heights of the cell"
        )
        return
    width = float(np.linalg.norm(case.lattice[:2], axis=1).max()) * BOHR_TO_ANGSTROM
    if vacuum < width:
        yield Finding(
            "warning",
            f"vacuum: {vacuum:.1f} Angstrom are less than the cell's width of {width:.1f}, and periodic"
            " images feel one another's charge pattern; make the cell"
            f" {np.ceil(width - vacuum):.0f} Angstrom higher",
        )
    if case.system.slab is not None:
        yield Finding(
            "note", f"vacuum: {vacuum:.1f} Angstrom; the field along z is the one that slab: asks for"
        )
        return
    allowed = _DISPLACED_SHARE * max(abs(case.total_charge), 1.0)
    if displaced > allowed:
        needed = displaced * height / allowed * BOHR_TO_ANGSTROM
        yield Finding(
            "warning",
            f"vacuum: the field of the slab's periodic images draws up to {fixed(displaced, 2)} e away from"
            f" the electrode's {charge_words(case.total_charge)}; equilibrate longer or make"
            f" the cell {np.ceil(needed):.0f} Angstrom high",
        )
    else:
        yield Finding(
            "note",
            f"vacuum: {vacuum:.1f} Angstrom; the field of the slab's periodic images moves at most"
            f" {fixed(displaced, 3)} e, the electrode carries {charge_words(case.total_charge)}",
        )
