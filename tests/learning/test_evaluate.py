"""`polcouple evaluate`: the scores of backends on a dataset, and what they are before the projection."""

import h5py
import numpy as np
import pytest
import yaml
from nn_cases import TOTAL_CHARGE, electrolyte, frames, labelled_dataset, sheet

from polcouple.backends.base import ChargeResult
from polcouple.backends.capabilities import Capabilities
from polcouple.cli.commands import main
from polcouple.data.dataset import Dataset, Frames
from polcouple.errors import InputError
from polcouple.learning.evaluate import backend_results
from polcouple.nn.binning import Binning
from polcouple.nn.classifier import Classifier, build_network
from polcouple.nn.model_electrode import electrode_arrays
from polcouple.nn.model_files import save_model


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return labelled_dataset(tmp_path_factory.mktemp("evaluate") / "data.h5", 20)


@pytest.fixture(scope="module")
def untrained(tmp_path_factory, dataset):
    """Directory of a classifier whose labels are all 0 whatever it sees."""
    electrode = sheet()
    n, charges = len(electrode), dataset.labels("dftb", TOTAL_CHARGE).charges
    network = build_network(n, [4], n, seed=0)
    network.set_weights([np.zeros_like(w) for w in network.get_weights()])
    binning = Binning.fit(charges, 0.05)
    model = Classifier(
        "zeros",
        "site_potentials",
        electrode,
        TOTAL_CHARGE,
        tuple(dataset.electrolyte.symbols[i] for i in dataset.electrolyte.ion_indices),
        dataset.electrolyte.charges[dataset.electrolyte.ion_indices],
        np.eye(n),
        binning,
        network,
    )
    people = {
        "training": {"seed": 0},
        "data": {"labels": f"dftb@{TOTAL_CHARGE:g}", "origin": "none"},
        "metrics": {},
    }
    directory = tmp_path_factory.mktemp("models") / "zeros"
    save_model(directory, model.description() | people, model.arrays() | electrode_arrays(electrode), "Card.")
    return directory, n * binning.charges(np.zeros(1))[0]


def test_backends_are_scored_beside_the_null_baselines(dataset, untrained, tmp_path, capsys):
    directory, sum_of_labels = untrained
    network = f"nn:model={directory}"
    words = ["evaluate", str(dataset.path), "--backend", "fixed", "--backend", network]
    with pytest.raises(SystemExit) as stopped:
        # 20 frames make no 40 parts, and need none
        main([*words, "--all-frames", "--folds", "40", "-o", str(tmp_path / "out")])
    assert stopped.value.code == 0
    printed = capsys.readouterr().out
    rows = yaml.safe_load((tmp_path / "out" / "metrics.yaml").read_text())[f"dftb@{TOTAL_CHARGE:g}"]
    assert rows["fixed"] == pytest.approx(rows["uniform Q/N"])
    assert rows["levels"]["fixed"] == {"energy": None, "fermi_level": None}
    spread = np.std(dataset.labels("dftb", TOTAL_CHARGE).energy)
    assert rows["levels"]["standard deviation of the labels"]["energy"] == pytest.approx(spread)
    assert rows["fixed"]["frames"] == 20 and rows["fixed"]["total_charge_error"] == 0.0
    assert rows[network]["total_charge_error"] == pytest.approx(abs(sum_of_labels - TOTAL_CHARGE), rel=1e-6)
    # the same label everywhere: projected, it is the uniform charge
    assert rows[network]["rmse"] == pytest.approx(rows["fixed"]["rmse"], rel=1e-6)
    assert f"| {network} |" in printed and (tmp_path / "out" / "parity.png").stat().st_size > 1000
    assert (tmp_path / "out" / "metrics.md").read_text() in printed


def test_labels_that_are_not_there_are_refused(dataset, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["evaluate", str(dataset.path), "--backend", "fixed", "--labels", "dftb@3"])
    assert stopped.value.code == 2
    assert "dftb@3" in capsys.readouterr().err


def test_all_labels_are_scored_unless_some_are_named(tmp_path, capsys):
    several = labelled_dataset(tmp_path / "data.h5", 20, (0.0, -1.0))
    words = ["evaluate", str(several.path), "--backend", "fixed", "-o", str(tmp_path / "out")]
    for named, scored in (([], ["dftb@-1", "dftb@0"]), (["--labels", "dftb@0"], ["dftb@0"])):
        with pytest.raises(SystemExit) as stopped:
            main(words + named)
        assert stopped.value.code == 0
        scores = yaml.safe_load((tmp_path / "out" / "metrics.yaml").read_text())
        assert sorted(scores) == scored
        printed = capsys.readouterr().out
        assert all(f"{name}\n\n|" in printed for name in scored)
    assert scores["dftb@0"]["fixed"]["rmse"] == pytest.approx(
        np.sqrt((several.labels("dftb", 0.0).charges[18:] ** 2).mean()), rel=1e-6
    )


def test_a_dataset_without_labels(tmp_path, capsys):
    unlabelled = labelled_dataset(tmp_path / "data.h5", 20, ())
    with pytest.raises(SystemExit) as stopped:
        main(["evaluate", str(unlabelled.path), "--backend", "fixed"])
    assert stopped.value.code == 2
    assert "no labels; run `polcouple label` first" in capsys.readouterr().err


class Witness:
    """A backend that keeps what it was shown."""

    capabilities = Capabilities(positions="all")

    def __init__(self):
        self.seen = []

    def solve(self, environment, total_charge, guess=None):
        self.seen.append(environment.positions.copy())
        return ChargeResult(np.full(len(environment.site_potentials), total_charge))


@pytest.mark.parametrize("stored", [True, False])
def test_backends_see_the_positions_that_were_stored(tmp_path, stored):
    liquid, made = electrolyte(), frames(sheet(), 3)
    generator = np.random.default_rng(0)
    positions = generator.uniform(5.0, 20.0, size=(3, len(liquid), 3))
    ions = positions[:, liquid.ion_indices]
    dataset = Dataset.create(tmp_path / "data.h5", sheet(), liquid, store_positions=stored)
    kept = positions.astype(np.float32) if stored else None
    dataset.append(Frames(made.time, made.site_potentials, ions, kept))
    witness = Witness()
    backend_results(dataset, "witness", witness, 0.0, [2, 0])
    for seen, expected in zip(witness.seen, positions[[2, 0]], strict=True):
        assert np.array_equal(seen[liquid.ion_indices], expected[liquid.ion_indices])
        rest = np.delete(np.arange(len(liquid)), liquid.ion_indices)
        assert len(rest)
        if stored:
            assert seen[rest] == pytest.approx(expected[rest], rel=1e-6)
        else:
            assert np.isnan(seen[rest]).all()


def test_a_backend_that_needs_positions_is_refused_without_them(dataset, capsys):
    words = ["evaluate", str(dataset.path), "--backend", "dftbplus:command=no-such-program"]
    with pytest.raises(SystemExit) as stopped:
        main(words)
    assert stopped.value.code == 2
    assert "dftbplus needs all positions" in capsys.readouterr().err


def test_stored_positions_that_are_not_finite_are_refused(tmp_path):
    liquid, made = electrolyte(), frames(sheet(), 2)
    positions = np.zeros((2, len(liquid), 3), np.float32)
    dataset = Dataset.create(tmp_path / "data.h5", sheet(), liquid, store_positions=True)
    dataset.append(Frames(made.time, made.site_potentials, positions[:, liquid.ion_indices], positions))
    with h5py.File(dataset.path, "r+") as file:
        file["frames/positions"][1, 0, 0] = np.nan
    with pytest.raises(InputError, match="/frames/positions: frame 1 holds NaN"):
        Dataset(dataset.path).frames(positions=True)
