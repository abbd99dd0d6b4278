"""Averages of electrons at held levels: a model with a known capacitance, and what does not count."""

import h5py
import numpy as np
import pytest

from polcouple.analysis.held_level import at_levels, differences
from polcouple.analysis.held_level_words import lines
from polcouple.cli.commands import main
from polcouple.data.moving import MovingDataset
from polcouple.data.moving_rows import CONVERGED, GIVEN, LabelSet, MovingFrames, MovingLabels
from polcouple.errors import InputError
from polcouple.units import EV_TO_HARTREE, KELVIN_TO_HARTREE

#: Omega = k x^2/2 - mu (N0 + a x) - c mu^2/2 with one nucleus at x: d<N>/dmu = a^2/k + c
K, A, C, N0, TEMPERATURE = 0.02, 0.3, 5.0, 160.0, 300.0 * KELVIN_TO_HARTREE
LEVELS = (-0.14, -0.16, -0.18)


@pytest.fixture
def dataset(tmp_path):
    """Frames of the model at three levels, in the order in which several runs write them, and strays."""
    made = MovingDataset.create(
        tmp_path / "d.h5", ("C",), np.zeros((1, 3)), 10.0 * np.eye(3), np.array([0]), {}, "a model", 300.0
    )
    rng, count = np.random.default_rng(5), 2000
    for level in LEVELS:
        made.number_of(LabelSet("dftb", fermi_level=level, reference=-0.16))
    number = np.tile([0, 1, 2], count)
    level = np.array(LEVELS)[number]
    places = A * level / K + np.sqrt(TEMPERATURE / K) * rng.standard_normal(3 * count)
    append(made, number, number, np.repeat(np.arange(count), 3), level, places)
    strays = np.zeros(30, int)  # given, and of another level's run
    append(made, np.full(30, GIVEN), strays, np.full(30, np.nan), np.full(30, LEVELS[0]), np.full(30, 99.0))
    append(made, strays + 2, strays, np.arange(count, count + 30), np.full(30, LEVELS[0]), np.full(30, 99.0))
    return made


def append(made, trajectory, number, time, level, x):
    n = len(x)
    electrons = N0 + A * x + C * level
    positions = np.zeros((n, 1, 3))
    nothing = np.zeros(n)
    labels = MovingLabels(
        np.arange(n), number, nothing, nothing, nothing, level, electrons, np.full(n, C),
        (N0 - electrons)[:, None], positions, np.full(n, CONVERGED),
    )  # fmt: skip
    made.append(MovingFrames(time.astype(float), trajectory, positions), labels)


def test_fluctuation_and_difference_give_the_known_capacitance(dataset):
    found = at_levels(dataset, TEMPERATURE)
    assert [one.level for one in found] == list(LEVELS) and [one.frames for one in found] == [2000] * 3
    exact = A**2 / K + C
    for one in found:
        assert one.potential == pytest.approx((-0.16 - one.level) / EV_TO_HARTREE)
        mean = N0 + A**2 / K * one.level + C * one.level
        assert abs(one.electrons.value - mean) < 4 * one.electrons.error < 0.05
        assert one.charge.value == pytest.approx(N0 - one.electrons.value, abs=1e-9)
        assert one.spread.value == pytest.approx(A * np.sqrt(TEMPERATURE / K), rel=0.1)
        assert one.adiabatic.value == pytest.approx(C) and one.fluctuation.value > 4.0
        assert abs(one.capacitance.value - exact) < 4 * one.capacitance.error < 1.0
    between = differences(found)
    assert len(between) == 2
    for one in between:
        assert abs(one.value - exact) < 4 * one.error < 1.0


def test_the_command_prints_them(dataset, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["capacitance", str(dataset.path)])
    assert ended.value.code == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed == lines(at_levels(dataset, TEMPERATURE), 300.0)
    assert printed[1].split()[:4] == ["U", "(V)", "mu", "(eV)"] and printed[2].split()[0] == "-0.544"
    assert len(printed) == 8


def test_the_temperature_is_the_runs(dataset, capsys):
    """Twice as hot, half the capacitance of the fluctuations; a file that does not say it must be told."""

    def command(*words):
        with pytest.raises(SystemExit) as ended:
            main(["capacitance", str(dataset.path), *words])
        return ended.value.code, capsys.readouterr()

    status, said = command("--temperature", "600")
    assert (status, said.out) == (2, "")
    assert "d.h5 says 300 K; leave it out" in said.err
    with h5py.File(dataset.path, "r+") as file:
        file.attrs["temperature"] = 600.0
    status, said = command()
    assert said.out.splitlines() == lines(at_levels(dataset, 2.0 * TEMPERATURE), 600.0)
    hot, cold = (at_levels(dataset, T * TEMPERATURE)[0].fluctuation.value for T in (2.0, 1.0))
    assert hot == pytest.approx(0.5 * cold)
    with h5py.File(dataset.path, "r+") as file:
        del file.attrs["temperature"]
    status, said = command()
    assert status == 2 and "give --temperature" in said.err
    assert command("--temperature", "600")[0] == 0
    with h5py.File(dataset.path, "r+") as file:
        file.attrs["temperature"] = -1.0
    status, said = command()
    assert status == 2 and "its temperature -1.0 is none" in said.err


def test_what_is_refused(dataset, tmp_path, capsys):
    other = MovingDataset.create(
        tmp_path / "e.h5", ("C",), np.zeros((1, 3)), 10.0 * np.eye(3), np.array([0]), {}, "empty"
    )
    with pytest.raises(InputError, match="no frames of a run at a held Fermi level"):
        at_levels(other, TEMPERATURE)
    for words in (
        [str(dataset.path), "--steps", "5"],
        [str(tmp_path)],
        [str(other.path), "--temperature", "0"],
    ):
        with pytest.raises(SystemExit) as ended:
            main(["capacitance", *words])
        assert ended.value.code == 2
    told = capsys.readouterr().err
    assert "--steps are for a case" in told and "runs of a case need --voltages, --steps" in told
