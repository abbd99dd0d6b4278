"""The paper's classifier: loss, features, training, files, and the backend that runs it."""

import shutil

import numpy as np
import pytest
import yaml
from capacitor_cases import capacitor
from nn_cases import TOTAL_CHARGE, electrolyte, frames, labelled_dataset, sheet

from polcouple.backends.base import Environment, create_backend
from polcouple.coupling.electrodes import create_electrodes
from polcouple.electrode import Electrode, Electrolyte
from polcouple.errors import InputError, ModelMismatchError
from polcouple.lattice.symmetry import lattice_symmetries
from polcouple.learning.training import ClassifierOptions, train_classifier
from polcouple.nn.classifier import ion_features, label_loss, potential_features, whitening_matrix
from polcouple.nn.model_files import load_model_files
from polcouple.nn.models import load_model

TINY = {
    "hidden_layers": (32, 32),
    "max_epochs": 30,
    "patience": 10,
    "learning_rate": 3e-3,
    "batch_size": 8,
    "weight_average": 0.9,
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Directory with a dataset and a tiny model on each kind of features."""
    directory = tmp_path_factory.mktemp("classifier")
    dataset = labelled_dataset(directory / "data.h5")
    for features in ("ions", "site_potentials"):
        options = ClassifierOptions(
            features=features, augmentation=True, **TINY | {"max_epochs": 120, "patience": 60}
        )
        train_classifier(dataset.path, directory / features, options)
    return directory


def solve(backend, electrode, seed=5, total_charge=TOTAL_CHARGE):
    made = frames(electrode, 1, seed)
    positions = np.full((len(electrolyte()), 3), np.nan)
    positions[electrolyte().ion_indices] = made.ion_positions[0]
    return backend.solve(Environment(electrolyte(), positions, made.site_potentials[0]), total_charge)


def test_defaults_are_the_papers():
    options = ClassifierOptions()
    assert options.hidden_layers == (1024,) * 4 and options.learning_rate == 2e-4
    assert options.bin_width == 0.007 and options.sum_weight == 1.0 and options.patience == 100
    assert options.folds == 10 and options.features == "ions"


def test_loss_by_hand():
    labels = np.array([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]], dtype=np.float32)
    predicted = np.array([[2.0, 2.0, 1.0], [0.5, 0.5, 0.0]], dtype=np.float32)
    # mean |dy| = (1 + 0 + 2 + 0.5 + 0.5) / 6, mean |sum dy| = (1 + 1) / 2
    assert float(label_loss(labels, predicted, 1.0)) == pytest.approx(4.0 / 6 + 1.0 / 3)
    assert float(label_loss(labels, predicted, 0.0)) == pytest.approx(4.0 / 6)


def test_ion_features_do_not_care_for_folding_or_a_rigid_shift():
    electrode = sheet()
    charges = np.array([1.0, -1.0])
    positions = frames(electrode, 4).ion_positions
    features = ion_features(electrode, charges, positions)
    assert features.shape == (4, 8) and np.abs(features).max() <= 1.0
    np.testing.assert_array_equal(features[:, 3::4], np.broadcast_to(charges, (4, 2)))
    unfolded = positions + electrode.cell[0] - 2 * electrode.cell[1]
    np.testing.assert_allclose(ion_features(electrode, charges, unfolded), features, atol=1e-5)
    shift = np.array([3.0, -1.0, 0.5])
    moved = Electrode(electrode.symbols, electrode.positions + shift, electrode.cell)
    np.testing.assert_allclose(ion_features(moved, charges, positions + shift), features, atol=1e-5)


def test_whitened_potentials_are_white_and_blind_to_a_constant():
    electrode = sheet()
    potentials = frames(electrode, 500).site_potentials
    permutations = np.array([operation.permutation for operation in lattice_symmetries(electrode)])
    features = potential_features(potentials, whitening_matrix(potentials, permutations))
    covariance = features.T @ features / len(features)
    n = len(electrode)
    assert np.abs(covariance - (np.eye(n) - 1.0 / n)).max() < 0.3
    same = potential_features(potentials + 0.7, whitening_matrix(potentials, permutations))
    np.testing.assert_allclose(same, features, atol=1e-4)


def test_charges_sum_exactly_and_are_blind_to_nothing_else(trained):
    electrode = sheet()
    for features in ("ions", "site_potentials"):
        backend = create_backend("nn", electrode, electrolyte(), {"model": str(trained / features)})
        result = solve(backend, electrode)
        assert abs(result.charges.sum() - TOTAL_CHARGE) < 1e-12
        assert not backend.capabilities.conservative and result.energy is None
        again = solve(backend, electrode)
        np.testing.assert_array_equal(again.charges, result.charges)


def test_a_classifier_on_potentials_learns_and_one_on_ions_cannot(trained):
    metrics = {f: load_model_files(trained / f)[0]["metrics"] for f in ("ions", "site_potentials")}
    assert metrics["site_potentials"]["this model"]["r2"] > 0.2
    assert metrics["ions"]["this model"]["r2"] < 0.05


def test_saved_model_equals_the_trained_one(trained):
    files = load_model_files(trained / "site_potentials")
    model = load_model(trained / "site_potentials", sheet())
    inputs = model.inputs(frames(sheet(), 6).site_potentials, None)
    weights = [files[1][f"layers/{i}/kernel"].astype(np.float32) for i in range(3)]
    biases = [files[1][f"layers/{i}/bias"] for i in range(3)]
    hidden = inputs
    for kernel, bias in zip(weights[:-1], biases[:-1], strict=True):
        hidden = np.maximum(hidden @ kernel + bias, 0.0)
    np.testing.assert_allclose(model.predict_labels(inputs), hidden @ weights[-1] + biases[-1], atol=1e-4)
    np.testing.assert_allclose(model.compiled()(inputs[:1]), model.predict_labels(inputs)[:1], atol=1e-5)


def test_model_card_holds_the_numbers_beside_the_null_baselines(trained):
    card = (trained / "ions" / "README.md").read_text()
    for words in (
        "uniform Q/N",
        "mean of each atom",
        "made up",
        "x, y, z and charge of every ion: 1 Na, 1 Cl",
    ):
        assert words in card


def test_models_of_other_systems_are_refused(trained):
    settings = {"model": str(trained / "ions")}
    with pytest.raises(ModelMismatchError, match="24 C, this one is 16 C"):
        create_backend("nn", sheet(2, 2), electrolyte(), settings)
    moved = sheet().positions.copy()
    moved[3, 0] += 0.01
    with pytest.raises(ModelMismatchError, match="geometry or order"):
        create_backend("nn", Electrode(sheet().symbols, moved, sheet().cell), electrolyte(), settings)
    with pytest.raises(ModelMismatchError, match="cell"):
        create_backend(
            "nn", Electrode(sheet().symbols, sheet().positions, 1.01 * sheet().cell), electrolyte(), settings
        )
    potassium = Electrolyte(("K", "Cl"), np.array([1.0, -1.0]), np.array([0, 1]))
    with pytest.raises(ModelMismatchError, match="exactly 1 Na, 1 Cl, this electrolyte has 1 K, 1 Cl"):
        create_backend("nn", sheet(), potassium, settings)
    create_backend("nn", sheet(), potassium, {"model": str(trained / "site_potentials")})
    backend = create_backend("nn", sheet(), electrolyte(), settings)
    with pytest.raises(ModelMismatchError, match=r"total charge of -0.5 e, not -4 e"):
        solve(backend, sheet(), total_charge=-4.0)


def test_folded_or_shifted_electrodes_are_accepted(trained):
    electrode = sheet()
    positions = electrode.positions + np.array([0.0, 0.0, 2.0])
    positions[7] += electrode.cell[0]
    same = Electrode(electrode.symbols, positions, electrode.cell)
    create_backend("nn", same, electrolyte(), {"model": str(trained / "site_potentials")})


def test_damaged_or_edited_models_are_refused(trained, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(trained / "ions", copy)
    description = yaml.safe_load((copy / "model.yaml").read_text())
    description["bins"]["q_min"] += 0.001
    (copy / "model.yaml").write_text(yaml.safe_dump(description))
    with pytest.raises(InputError, match=r"bins in model\.yaml"):
        load_model(copy)
    weights = bytearray((copy / "weights.h5").read_bytes())
    weights[-5] ^= 1
    (copy / "weights.h5").write_bytes(bytes(weights))
    with pytest.raises(InputError, match="SHA-256"):
        load_model(copy)
    (copy / "weights.h5").unlink()
    with pytest.raises(InputError, match=r"weights\.h5: missing"):
        load_model(copy)
    with pytest.raises(InputError, match="no shipped model 'nonsense'"):
        create_backend("nn", sheet(), electrolyte(), {"model": "nonsense"})
    with pytest.raises(InputError, match="no model in"):
        create_backend("nn", sheet(), electrolyte(), {"model": "./nonsense"})


def test_an_interrupted_training_goes_on_to_the_same_result(tmp_path):
    dataset = labelled_dataset(tmp_path / "data.h5", 30)
    options = ClassifierOptions(features="site_potentials", augmentation=True, **TINY)

    def interrupt(name, epoch, train, validation, waited, patience):
        if epoch == 7:
            raise KeyboardInterrupt

    train_classifier(dataset.path, tmp_path / "whole", options)
    with pytest.raises(KeyboardInterrupt):
        train_classifier(dataset.path, tmp_path / "parts", options, progress=interrupt)
    epochs = []
    train_classifier(
        dataset.path, tmp_path / "parts", options, progress=lambda name, epoch, *rest: epochs.append(epoch)
    )
    assert epochs[0] == 8
    whole, parts = (load_model_files(tmp_path / name)[1] for name in ("whole", "parts"))
    np.testing.assert_array_equal(whole["layers/0/kernel"], parts["layers/0/kernel"])
    with pytest.raises(InputError, match="holds a model already"):
        train_classifier(dataset.path, tmp_path / "parts", options)


def test_a_checkpoint_of_other_bins_is_refused(tmp_path):
    dataset = labelled_dataset(tmp_path / "data.h5", 30)
    options = ClassifierOptions(features="site_potentials", **TINY | {"max_epochs": 2})
    train_classifier(dataset.path, tmp_path / "model", options)
    (tmp_path / "model" / "model.yaml").unlink()
    with pytest.raises(InputError, match="other data, split, bins or options"):
        train_classifier(dataset.path, tmp_path / "model", options.model_copy(update={"bin_width": 0.01}))


def test_labels_must_be_unambiguous(tmp_path):
    dataset = labelled_dataset(tmp_path / "data.h5", 30, (0.0, -1.0))
    with pytest.raises(InputError, match="choose by --labels: dftb@-1, dftb@0"):
        train_classifier(dataset.path, tmp_path / "m")
    with pytest.raises(InputError, match="no labels dftb@7"):
        train_classifier(dataset.path, tmp_path / "m", labels="dftb@7")


def test_a_sheet_that_lies_elsewhere_sees_the_same_ions(trained):
    """A rigid shift of electrode and liquid changes no charge, whatever the inputs are."""
    electrode, liquid, shift = sheet(), electrolyte(), np.array([1.3, -0.7, 9.0])
    moved = Electrode(electrode.symbols, electrode.positions + shift, electrode.cell)
    made = frames(electrode, 1, seed=4)
    positions = np.zeros((len(liquid), 3))
    positions[liquid.ion_indices] = made.ion_positions[0]
    for features in ("ions", "site_potentials"):
        settings = {"model": str(trained / features)}
        here, there = (
            create_backend("nn", place, liquid, settings).solve(
                Environment(liquid, positions + offset, made.site_potentials[0]), TOTAL_CHARGE
            )
            for place, offset in ((electrode, np.zeros(3)), (moved, shift))
        )
        np.testing.assert_allclose(there.charges, here.charges, atol=1e-9)


def test_a_classifier_at_a_potential_is_refused_before_any_work(trained):
    """It has no Fermi level to be held."""
    case = capacitor(12.0, 40.0, charges=(-0.25, -0.25), potential={"voltage_volt": 0.05})
    with pytest.raises(InputError, match=r"have no Fermi level to be held; model .* is a classifier"):
        create_electrodes(case, "nn", {"model": str(trained / "site_potentials")})
