"""Export of labels for other trainers: energies and forces that belong together, in ASE's units."""

import ase.io
import numpy as np
import pytest

from polcouple.cli.commands import main
from polcouple.data.moving import MovingDataset
from polcouple.data.moving_rows import CONVERGED, GIVEN, UNCONVERGED, LabelSet, MovingFrames, MovingLabels
from polcouple.dftb.moving.dftb import MovingDftb
from polcouple.dftb.moving.ensemble import FermiLevel, TotalCharge
from polcouple.units import ANGSTROM_TO_BOHR, HARTREE_TO_EV

SYMBOLS, CELL = ("C", "H", "C"), 16.0 * np.eye(3)
PLACES = np.array([[0.0, 0.0, 0.0], [2.1, 0.3, 0.0], [-0.4, 2.4, 0.5]])


@pytest.fixture
def dataset(tmp_path):
    """Three frames along one direction at a level, the first also at a charge; one that did not converge."""
    made = MovingDataset.create(tmp_path / "d.h5", SYMBOLS, PLACES, CELL, np.arange(3), {}, "a test")
    made.number_of(LabelSet("dftb", fermi_level=-0.14, reference=-0.18))
    made.number_of(LabelSet("dftb", total_charge=0.0, reference=-0.18))
    dftb, step = MovingDftb(SYMBOLS, 0.01), 0.005
    places = PLACES + step * np.array([-1.0, 0.0, 1.0])[:, None, None] * direction()
    made.append(MovingFrames(np.full(3, np.nan), np.full(3, GIVEN), places), None)
    for frame, number in ((0, 0), (1, 0), (2, 0), (1, 1)):
        held = (FermiLevel(-0.14), TotalCharge(0.0))[number]
        one = dftb.solve(places[frame], CELL, held, accuracy=1e-10)
        energies = one.energy, one.free_energy, one.grand_potential
        numbers = *energies, one.fermi_level, one.electrons, one.capacitance()
        row = [np.array([number]), *(np.array([value]) for value in numbers)]
        made.append(
            None,
            MovingLabels(np.array([frame]), *row, one.charges[None], one.forces[None], np.array([CONVERGED])),
        )
    bad = made.labels()[np.array([0])]
    made.append(None, MovingLabels(**{**vars(bad), "status": np.array([UNCONVERGED])}))
    return made


def direction():
    return np.random.default_rng(4).normal(size=(3, 3))


def test_forces_are_the_derivative_of_the_energy(dataset, tmp_path):
    path = tmp_path / "out.xyz"
    with pytest.raises(SystemExit) as ended:
        main(["export", str(dataset.path), "-o", str(path)])
    assert ended.value.code == 0
    low, middle, high, neutral = ase.io.read(path, ":")
    moved = (high.positions - low.positions).ravel()
    slope = high.get_potential_energy() - low.get_potential_energy()
    assert slope == pytest.approx(-float(middle.get_forces().ravel() @ moved), abs=2e-4)
    wrong = high.info["helmholtz_energy"] - low.info["helmholtz_energy"]
    assert abs(wrong + float(middle.get_forces().ravel() @ moved)) > 1e-3
    told = middle.info
    mu, electrons, charge = told["fermi_level"], told["electrons"], told["total_charge"]
    assert mu == pytest.approx(-0.14 * HARTREE_TO_EV) and electrons == pytest.approx(9.0 - charge)
    assert told["grand_potential"] == pytest.approx(told["helmholtz_energy"] - mu * electrons)
    assert middle.get_potential_energy() == pytest.approx(told["grand_potential"] + 9.0 * mu)
    assert told["potential"] == pytest.approx(-0.04 * HARTREE_TO_EV)
    assert middle.get_charges().sum() == pytest.approx(charge, abs=1e-6)
    assert neutral.get_potential_energy() == pytest.approx(neutral.info["helmholtz_energy"])
    assert neutral.info["label_set"] == "dftb@0e" and neutral.info["frame"] == middle.info["frame"] == 1
    assert np.abs(middle.positions * ANGSTROM_TO_BOHR - PLACES).max() < 1e-6


def test_what_is_refused(dataset, tmp_path, capsys):
    for words in (["-o", "a.h5"], ["-o", "b.xyz", "--skip", "1"]):
        with pytest.raises(SystemExit) as ended:
            main(["export", str(dataset.path), *words])
        assert ended.value.code == 2
    told = capsys.readouterr().err
    assert "the format written here is .xyz or .extxyz" in told and "--skip is for runs" in told
