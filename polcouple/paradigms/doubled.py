"""Twice the electrode, with another frame of the liquid over each half: a system no model was fitted to."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from polcouple.case.case import VIRTUAL_SITE
from polcouple.electrode import Electrode, Electrolyte
from polcouple.electrostatics.site_potential import SitePotential
from polcouple.lattice.pairs import neighbour_pairs
from polcouple.nn.potential.bonds import covalent_radii
from polcouple.paradigms.frames import Frame
from polcouple.units import ANGSTROM_TO_BOHR

#: how many such frames are made of the frames that test
PAIRS = 4
#: bonds are at most so many times the sum of two covalent radii; hydrogen bonds are longer
_LONGEST = 1.2
#: from a virtual site to its atom at most (bohr)
_SITE = 4.0


def doubled(first: Frame, second: Frame) -> Frame:
    """Both side by side along the first lattice vector, with the charge of both.

    Molecules stay whole; those that stick out of one half overlap with the other's, which matters to charges
    as little as to the potentials they answer to.
    """
    one, liquid = first.electrode, first.electrolyte
    shift = one.cell[0]
    electrode = Electrode(
        one.symbols * 2,
        np.concatenate([one.positions, one.positions + shift]),
        one.cell * np.array([[2.0], [1.0], [1.0]]),
        one.pbc,
    )
    electrolyte = Electrolyte(
        liquid.symbols * 2,
        np.tile(liquid.charges, 2),
        np.concatenate([liquid.ion_indices, liquid.ion_indices + len(liquid)]),
    )
    positions = np.concatenate([within(first), within(second) + shift])
    potential = SitePotential(electrode.positions, electrode.cell, electrode.pbc)
    return Frame(
        electrode,
        electrolyte,
        positions,
        potential(positions, electrolyte.charges),
        first.total_charge + second.total_charge,
    )


def within(frame: Frame) -> np.ndarray:
    """Positions (m, 3) in bohr moved as a whole, molecule by molecule, into the cell along its first vector.

    Each of a molecule's atoms is put next to those that it is bonded to, a virtual site next to its atom.
    """
    positions, cell = frame.positions, frame.electrode.cell
    own, other, vectors = _bonds(frame)
    shape = len(positions), len(positions)
    bonds = csr_array((np.ones(len(own)), (own, other)), shape)
    molecule = connected_components(bonds, directed=False)[1]
    heads = np.unique(molecule, return_index=True)[1]
    whole, placed = positions.copy(), np.zeros(len(positions), bool)
    placed[heads] = True
    while not placed.all():
        reached = placed[own] & ~placed[other]
        whole[other[reached]] = whole[own[reached]] + vectors[reached]
        placed[other[reached]] = True
    turns = np.floor(whole[heads] @ np.linalg.inv(cell)[:, 0])
    return np.asarray(whole - turns[molecule][:, None] * cell[0])


def _bonds(frame: Frame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs of atoms of one molecule, both ways: (b,), (b,), and (b, 3) vectors in bohr."""
    symbols, electrode = frame.symbols, frame.electrode
    radii = _LONGEST * covalent_radii(symbols) * ANGSTROM_TO_BOHR
    sites = np.array(symbols) == VIRTUAL_SITE
    alone = np.zeros(len(symbols), bool)
    alone[frame.electrolyte.ion_indices] = True
    reach = max(_SITE, 2.0 * radii[~alone].max(initial=0.0))
    near = neighbour_pairs(frame.positions, electrode.cell, electrode.pbc, reach)
    own = np.repeat(np.arange(len(symbols)), np.diff(near.first))
    other, vectors = near.second, near.vectors
    distances = np.linalg.norm(vectors, axis=1)
    between = ~(alone[own] | alone[other])
    bonded = between & ~(sites[own] | sites[other]) & (distances < radii[own] + radii[other])
    held = np.flatnonzero(between & sites[own] & ~sites[other])
    held = held[np.lexsort((distances[held], own[held]))]
    held = held[np.unique(own[held], return_index=True)[1]]
    atoms, of_sites = np.flatnonzero(bonded), held
    return (
        np.concatenate([own[atoms], own[of_sites], other[of_sites]]),
        np.concatenate([other[atoms], other[of_sites], own[of_sites]]),
        np.concatenate([vectors[atoms], vectors[of_sites], -vectors[of_sites]]),
    )


def pairs_of(frames: list[Frame]) -> list[Frame]:
    """``PAIRS`` doubled frames, of frames as far from each other in time as can be."""
    half = len(frames) // 2
    starts = np.unique(np.linspace(0, half - 1, PAIRS).astype(int))
    return [doubled(frames[i], frames[half + i]) for i in starts]
