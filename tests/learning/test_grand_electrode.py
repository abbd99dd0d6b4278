"""Constants of electrode and liquid by DFTB of either alone: they predict electrons that were never shown."""

from dataclasses import replace

import numpy as np
import pytest
from grand_cases import architecture

from polcouple.data.grand_frames import GrandFrames
from polcouple.dftb.moving.dftb import MovingDftb
from polcouple.dftb.moving.ensemble import FermiLevel
from polcouple.errors import InputError
from polcouple.lattice.pairs import neighbour_pairs
from polcouple.learning.grand_electrode import computed_constants
from polcouple.nn.grand.electrode import Electrode
from polcouple.units import ANGSTROM_TO_BOHR, HARTREE_TO_EV

LEVELS = (-5.8, -4.9, -4.0)
#: three cells along one side, so that the levels meet without k-points
CELL = np.diag([7.38, 4.26, 14.0])


def labelled(count=6):
    """Vibrating sheets of 12 atoms below a molecule of hydrogen, with DFTB's numbers of electrons."""
    corners = [[0.0, 0.71], [0.0, 2.13], [1.23, 0.0], [1.23, 2.84]]
    sheet = [[x + 2.46 * i, y, 0.0] for i in range(3) for x, y in corners]
    start = np.array([*sheet, [1.5, 1.5, 4.0], [1.5, 2.25, 4.0]])
    symbols, random = ("C",) * 12 + ("H",) * 2, np.random.default_rng(3)
    dftb = MovingDftb(symbols, 0.02585 / HARTREE_TO_EV)
    places, levels, electrons = [], [], []
    for number in range(count):
        places.append(start + random.normal(0, 0.03, start.shape))
        levels.append(LEVELS[number % 3])
        found = dftb.solve(
            places[-1] * ANGSTROM_TO_BOHR, CELL * ANGSTROM_TO_BOHR, FermiLevel(levels[-1] / HARTREE_TO_EV)
        )
        electrons.append(-found.charges.sum())
    arrays = np.array(places), np.array(levels), np.zeros(count), np.array(electrons)
    forces = np.zeros((count, 14, 3))
    return GrandFrames(symbols, CELL, start, np.zeros(count, int), *arrays, forces, -4.9, {}, "dftb")


def test_electrons_of_dftb_follow_without_having_been_shown():
    frames = labelled()
    before = architecture()
    constants = computed_constants(frames, np.arange(3), before, "mio-1-1")
    charges = dict(zip(before.surroundings.elements, constants.charges, strict=True))
    # two equal atoms that are neutral together
    assert charges["C"] == 0.0 and charges["H"] == pytest.approx(0.0, abs=1e-3)
    after = replace(
        before,
        neutral_level=constants.neutral_level,
        hardness=constants.hardness,
        charges=constants.charges,
    )
    kinds = before.surroundings.kinds(frames.symbols)
    errors = []
    for number in range(3, 6):
        positions = frames.positions[number]
        pairs = neighbour_pairs(positions, CELL, (True,) * 3, 3.0)
        found = Electrode(after, pairs, kinds, positions, CELL).charged(float(frames.levels[number]))
        errors.append(found.electrons - frames.electrons[number])
    assert np.abs(errors).max() < 0.01 < 0.1 * np.ptp(frames.electrons)


def test_other_parameters_than_the_labels_and_other_backends_are_refused():
    frames = labelled(1)
    other = GrandFrames(**frames.__dict__ | {"settings": {"H-H.skf": "0" * 64}})
    with pytest.raises(InputError, match=r"another H-H\.skf .* name their parameter set with --slako"):
        computed_constants(other, np.arange(1), architecture(), "mio-1-1")
    given = GrandFrames(**frames.__dict__ | {"backend": "given"})
    with pytest.raises(InputError, match="labels of given"):
        computed_constants(given, np.arange(1), architecture(), "mio-1-1")
