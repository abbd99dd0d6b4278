"""Training of potentials: exact derivatives, restarts, what is learned, what is refused."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.morse import MorsePotential
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write

from polcouple.data.configurations import Configuration, read_configurations
from polcouple.errors import InputError
from polcouple.learning.potential_loss import LossOptions, PotentialLoss, prepared, scaled
from polcouple.learning.potential_training import (
    PotentialOptions,
    reference_energies,
    split_configurations,
    train_potential,
)
from polcouple.nn.potential.potential import Architecture, load_potential

SMALL = {"members": 2, "epochs": 3, "widths": (8, 8), "n_max": 2, "cutoff": 3.0}


def frames(count=12, seed=0, forces=True, energy=True):
    """Clusters of two elements with the energies of a Morse potential."""
    random = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        grid = np.stack(np.meshgrid(*[np.arange(2)] * 3), -1).reshape(-1, 3) * 1.6
        atoms = Atoms("CHCHCHCH", grid + random.normal(0, 0.15, (8, 3)))
        atoms.calc = MorsePotential(epsilon=0.4, r0=1.7, rho0=4.0, rcut1=2.0, rcut2=2.9)
        found.append(
            Configuration(
                tuple(atoms.get_chemical_symbols()),
                atoms.positions.copy(),
                np.zeros((3, 3)),
                (False,) * 3,
                atoms.get_potential_energy() - 30.0 if energy else None,
                atoms.get_forces() if forces else None,
            )
        )
    return found


@pytest.fixture(scope="module")
def configurations():
    return frames()


def write_frames(path, configurations):
    listed = []
    for one in configurations:
        atoms = Atoms(one.symbols, one.positions, cell=one.cell, pbc=one.periodic)
        results = {"energy": one.energy, "forces": one.forces}
        atoms.calc = SinglePointCalculator(atoms, **{k: v for k, v in results.items() if v is not None})
        listed.append(atoms)
    write(path, listed, format="extxyz")


@pytest.mark.slow
def test_the_losss_derivative_is_that_by_differences(configurations):
    architecture = Architecture(("C", "H"), 3.0, 2, 2, (8, 8))
    references = reference_energies(configurations, architecture)
    descriptors = architecture.descriptors()
    some = [prepared(one, architecture, descriptors, references) for one in configurations[:3]]
    scales = np.random.default_rng(3).uniform(0.5, 2.0, descriptors.length)
    some = [scaled(one, scales) for one in some]
    loss = PotentialLoss(architecture, LossOptions(10.0, 50.0, 1.0, 0.5), scales)
    vector = architecture.layout().initial(1)
    value, derivative = loss.value_and_derivative(vector, some)
    assert value == pytest.approx(loss.value(vector, some), rel=1e-5)
    exact, step = vector.astype(float), 1e-5
    random = np.random.default_rng(0)
    for name, place in architecture.layout().places().items():
        direction = np.zeros(len(vector))
        direction[place] = random.normal(size=place.stop - place.start)
        ends = [loss.value(exact + sign * step * direction, some) for sign in (1, -1)]
        slope = (ends[0] - ends[1]) / (2 * step)
        assert derivative @ direction == pytest.approx(slope, rel=2e-3, abs=2e-5), name


def test_forces_and_energies_are_learned(configurations, tmp_path):
    options = PotentialOptions(**SMALL | {"epochs": 60}, cycle="training", batch_size=4)
    trained = train_potential(configurations, tmp_path / "net", options)
    rows = trained.rows
    null = rows["forces zero, mean energy of the composition"]
    assert rows["this potential"].force_mae < 0.5 * null.force_mae
    assert (tmp_path / "net" / "README.md").read_text().startswith("# net")
    again = load_potential(tmp_path / "net")
    assert np.array_equal(again.members, trained.potential.members)
    # the constant of the energy is that of the labels although forces alone were learned
    one = configurations[0]
    found = again.evaluate(again.architecture.kinds(one.symbols), one.positions, one.cell, one.periodic)
    assert abs(found.energy - one.energy) < 8 * 0.2


def test_energies_alone_are_learned(tmp_path):
    options = PotentialOptions(**SMALL | {"epochs": 40, "cycle": "training", "members": 1})
    trained = train_potential(frames(20, forces=False), tmp_path / "net", options)
    assert np.isnan(trained.rows["this potential"].force_mae)
    null = trained.rows["forces zero, mean energy of the composition"]
    assert trained.rows["this potential"].energy_mae < null.energy_mae


def test_the_same_call_gives_the_same_bits_and_other_seeds_others(configurations, tmp_path):
    found = [
        train_potential(configurations, tmp_path / name, PotentialOptions(**SMALL, seed=seed)).potential
        for name, seed in (("a", 0), ("b", 0), ("c", 1))
    ]
    assert np.array_equal(found[0].members, found[1].members)
    assert not np.array_equal(found[0].members, found[2].members)


def test_interrupted_and_gone_on_with_gives_the_same_bits(configurations, tmp_path):
    options = PotentialOptions(**SMALL | {"epochs": 6})

    def interrupt(name, epochs, epoch, train, validation):
        if (name, epoch) == ("member_1", 4):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_potential(configurations, tmp_path / "net", options, progress=interrupt)
    assert not (tmp_path / "net").exists()
    seen = []
    again = train_potential(
        configurations,
        tmp_path / "net",
        options,
        progress=lambda name, _, epoch, *rest: seen.append((name, epoch)),
    )
    assert seen == [("member_1", 5), ("member_1", 6)]
    whole = train_potential(configurations, tmp_path / "whole", options)
    assert np.array_equal(again.potential.members, whole.potential.members)
    assert list((tmp_path / "net.training" / "member_1" / "tensorboard").iterdir())


@pytest.mark.slow
def test_killed_and_gone_on_with_gives_the_same_bits(configurations, tmp_path):
    write_frames(tmp_path / "frames.xyz", configurations)
    command = [sys.executable, "-m", "polcouple.cli", "train", "potential", "frames.xyz"]
    options = ["--members", "2", "--epochs", "400", "--widths", "8", "8", "--n-max", "2", "--cutoff", "3"]
    checkpoint = tmp_path / "net.training" / "member_1" / "checkpoint.npz"
    process = subprocess.Popen([*command, "-o", "net", *options], cwd=tmp_path, stdout=subprocess.DEVNULL)
    log = checkpoint.parent / "tensorboard"
    deadline = time.monotonic() + 300
    while not log.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.3)
    process.send_signal(signal.SIGTERM)
    assert process.wait() == 128 + signal.SIGTERM
    with np.load(checkpoint) as saved:
        assert 0 < saved["scalars"][0] < 400
    for name in ("net", "whole"):
        subprocess.run([*command, "-o", name, *options], cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)
    assert np.array_equal(
        load_potential(tmp_path / "net").members, load_potential(tmp_path / "whole").members
    )
    assert os.listdir(log)


def test_another_training_is_not_gone_on_with(configurations, tmp_path):
    train_potential(configurations, tmp_path / "net", PotentialOptions(**SMALL))
    with pytest.raises(InputError, match="holds a model already"):
        train_potential(configurations, tmp_path / "net", PotentialOptions(**SMALL))
    (tmp_path / "net" / "model.yaml").unlink()
    with pytest.raises(InputError, match="other data or options"):
        train_potential(frames(seed=1), tmp_path / "net", PotentialOptions(**SMALL))


def test_a_start_is_gone_on_from(configurations, tmp_path):
    first = train_potential(configurations, tmp_path / "first", PotentialOptions(**SMALL))
    rate = {"learning_rate": 1e-9, "highest_learning_rate": 2e-9, "final_learning_rate": 1e-10}
    options = PotentialOptions(**SMALL, **rate, start=tmp_path / "first")
    second = train_potential(configurations, tmp_path / "second", options)
    places = first.potential.architecture.layout().places()
    kernel = places["kernel_0"]
    assert np.allclose(second.potential.members[:, kernel], first.potential.members[:, kernel], atol=1e-6)
    with pytest.raises(InputError, match=r"--start"):
        other = PotentialOptions(**SMALL | {"widths": (9,)}, start=tmp_path / "first")
        train_potential(configurations, tmp_path / "third", other)


def test_frames_are_split_in_blocks():
    split = split_configurations(60, PotentialOptions(test_fraction=0.2, test_from=0.2))
    assert split.test.tolist() == list(range(12, 24))
    assert len(split.validation) == 5
    assert sorted([*split.train, *split.validation, *split.test]) == list(range(60))
    whole = split_configurations(9, PotentialOptions(test_fraction=0, validation_fraction=0))
    assert len(whole.train) == 9
    with pytest.raises(InputError, match="leave none"):
        split_configurations(2, PotentialOptions())


def test_bad_frames_are_refused_with_file_and_number(configurations, tmp_path):
    path = tmp_path / "frames.xyz"
    write_frames(path, configurations[:3])
    assert len(read_configurations([path])) == 3
    good = path.read_text()
    lines = good.splitlines()
    path.write_text("\n".join(lines[:-2]))
    with pytest.raises(InputError, match=r"frames.xyz: frame 2 \(from 0\) cannot be read"):
        read_configurations([path])
    path.write_text(good.replace("forces:R:3", "pull:R:3").replace("energy=", "total="))
    with pytest.raises(InputError, match=r"has neither 'energy' nor 'forces'; it has .*pull"):
        read_configurations([path])
    assert read_configurations([path], forces_key="pull")[0].forces is not None
    with pytest.raises(InputError, match="no such file"):
        read_configurations([tmp_path / "none.xyz"])
    lines[2] = lines[2].rsplit(None, 1)[0] + " nan"
    path.write_text("\n".join(lines))
    with pytest.raises(InputError, match="not three finite numbers"):
        read_configurations([path])
