"""Frames with the labels of a grand potential that is known."""

import numpy as np
from grand_cases import CELL, LEVELS, atoms, random_grand

from polcouple.data.grand_frames import GrandFrames
from polcouple.nn.grand.potential import GrandPotential


def known_frames(count=24, seed=0):
    """Labels by random weights; trajectory t is held at LEVELS[t]."""
    wild = random_grand(members=1, seed=7, repulsion=False)
    layout = wild.architecture.layout()
    layout.parts(wild.members[0])["energy_scale"][:] = 1.0, 0.1, 0.1
    truth = GrandPotential("truth", wild.architecture, wild.members, wild.references, np.float64)
    kinds, _ = atoms()
    random = np.random.default_rng(seed)
    start = atoms(0)[1]
    rows = []
    for number in range(count):
        positions = start + random.normal(0, 0.08, start.shape)
        found = truth.evaluate(kinds, positions, CELL, LEVELS[number * 3 // count])
        rows.append((positions, found.grand_potential, found.electrons, found.forces))
    positions, energies, electrons, forces = map(np.array, zip(*rows, strict=True))
    trajectory = np.arange(count) * 3 // count
    levels = np.array(LEVELS)[trajectory]
    symbols = tuple("CHO"[kind] for kind in kinds)
    columns = (positions, levels, energies, electrons, forces)
    return GrandFrames(symbols, CELL, start, trajectory, *columns, -4.9, {}, "given")
