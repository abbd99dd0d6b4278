"""Frames of an electrode that moves as data of a potential."""

import numpy as np
import pytest

from polcouple.data.moving import MovingDataset
from polcouple.data.moving_configurations import moving_configurations
from polcouple.data.moving_rows import CONVERGED, UNCONVERGED, LabelSet, MovingFrames, MovingLabels
from polcouple.errors import InputError
from polcouple.units import BOHR_TO_ANGSTROM, HARTREE_TO_EV

SYMBOLS, CELL = ("C", "O", "H"), 20.0 * np.eye(3)


def test_the_energy_is_the_one_that_forces_derive_from(tmp_path):
    path, random = tmp_path / "d.h5", np.random.default_rng(0)
    dataset = MovingDataset.create(path, SYMBOLS, np.zeros((3, 3)), CELL, np.array([0]), {})
    with pytest.raises(InputError, match="label it first"):
        moving_configurations(path, None)
    positions, forces = random.normal(size=(4, 3, 3)), random.normal(size=(4, 3, 3))
    columns = random.normal(size=(6, 4))
    frames = MovingFrames(np.arange(4.0), np.zeros(4, int), positions)
    for held in (LabelSet("dftb", total_charge=-1.0), LabelSet("dftb", fermi_level=-0.16)):
        number = dataset.number_of(held)
        status = np.array([CONVERGED, UNCONVERGED, CONVERGED, CONVERGED])
        rows = MovingLabels(
            np.array([2, 1, 0, 3]), np.full(4, number), *columns, np.zeros((4, 1)), forces, status
        )
        dataset.append(frames if number == 0 else None, rows)
        if number == 0:
            only = moving_configurations(path, None)
    with pytest.raises(InputError, match="choose by --labels: dftb@-1e, dftb@"):
        moving_configurations(path, None)
    with pytest.raises(InputError, match="no labels 'dftb@-2e'"):
        moving_configurations(path, "dftb@-2e")
    for name, energies in (("dftb@-1e", columns[1]), (dataset.sets()[1].name, columns[2])):
        found = moving_configurations(path, name)
        assert [one.energy for one in found] == pytest.approx(list(energies[[2, 0, 3]] * HARTREE_TO_EV))
        assert np.allclose(found[0].positions, positions[0] * BOHR_TO_ANGSTROM)
        assert np.allclose(found[0].forces, forces[2] * HARTREE_TO_EV / BOHR_TO_ANGSTROM)
        assert found[0].periodic == (True, True, True)
    assert [one.energy for one in only] == [one.energy for one in moving_configurations(path, "dftb@-1e")]
