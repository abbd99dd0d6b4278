"""`polcouple evaluate`: the scores of backends on a dataset, and what they are before the projection."""

import numpy as np
import pytest
import yaml
from nn_cases import TOTAL_CHARGE, labelled_dataset, sheet

from polcouple.cli import main
from polcouple.nn.binning import Binning
from polcouple.nn.classifier import Classifier, build_network
from polcouple.nn.model_files import electrode_arrays, save_model


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
        main([*words, "--all-frames", "-o", str(tmp_path / "out")])
    assert stopped.value.code == 0
    printed = capsys.readouterr().out
    rows = yaml.safe_load((tmp_path / "out" / "metrics.yaml").read_text())[f"dftb@{TOTAL_CHARGE:g}"]
    assert rows["fixed"] == pytest.approx(rows["uniform Q/N"])
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
