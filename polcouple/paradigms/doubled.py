"""Twice the electrode, with another frame of the liquid over each half: a system no model was fitted to."""

from __future__ import annotations

import numpy as np

from polcouple.electrode import Electrode, Electrolyte
from polcouple.electrostatics.site_potential import SitePotential
from polcouple.paradigms.frames import Frame

#: how many such frames are made of the frames that test
PAIRS = 4


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

    A molecule is a run of atoms of which each is near the one before.
    """
    positions, cell = frame.positions, frame.electrode.cell
    steps = np.linalg.norm(np.diff(positions, axis=0), axis=1)
    molecule = np.concatenate([[0], np.cumsum(steps > _BOND)])
    heads = np.searchsorted(molecule, np.arange(molecule[-1] + 1))
    turns = np.floor(positions[heads] @ np.linalg.inv(cell)[:, 0])
    return np.asarray(positions - turns[molecule][:, None] * cell[0])


def pairs_of(frames: list[Frame]) -> list[Frame]:
    """``PAIRS`` doubled frames, of frames as far from each other in time as can be."""
    half = len(frames) // 2
    starts = np.unique(np.linspace(0, half - 1, PAIRS).astype(int))
    return [doubled(frames[i], frames[half + i]) for i in starts]


#: atoms that follow one another and are nearer than this are one molecule's (bohr)
_BOND = 4.0
