"""Binning, metrics, splits and lattice symmetries against values worked out by hand."""

import numpy as np
import pytest
from nn_cases import coupling, sheet

from polcouple.data.splits import split_frames
from polcouple.electrode import Electrode
from polcouple.errors import InputError
from polcouple.lattice.symmetry import lattice_symmetries
from polcouple.learning.evaluation import evaluate, markdown_table, mean_metrics, null_baselines
from polcouple.nn.binning import Binning


def test_labels_count_bins_from_the_smallest_charge():
    binning = Binning.fit(np.array([-0.010, -0.004, -0.0035, 0.0045, 0.0111]), width=0.007)
    assert binning.n_bins == 4
    np.testing.assert_allclose(binning.edges, [-0.010, -0.003, 0.004, 0.011, 0.018])
    np.testing.assert_array_equal(binning.labels([-0.010, -0.0031, -0.0029, 0.0109, 0.0111]), [0, 0, 1, 2, 3])
    # medians of the charges in a bin; the centre of the empty bin 1
    np.testing.assert_allclose(binning.values, [-0.004, 0.0005, 0.0045, 0.0111])


def test_labels_are_rounded_and_clipped_when_decoded():
    binning = Binning(0.0, 1.0, np.array([0.5, 1.5, 2.5]))
    np.testing.assert_array_equal(binning.charges([-3.0, 0.4, 0.6, 1.5, 9.0]), [0.5, 0.5, 1.5, 2.5, 2.5])
    np.testing.assert_array_equal(binning.labels([-5.0, 5.0]), [0, 2])


def test_round_trip_stays_within_a_bin():
    charges = np.random.default_rng(0).normal(-0.012, 0.013, size=5000)
    binning = Binning.fit(charges)
    decoded = binning.charges(binning.labels(charges))
    assert np.abs(decoded - charges).max() <= 0.007
    np.testing.assert_array_equal(binning.labels(decoded), binning.labels(charges))


def test_changed_bin_edges_are_refused():
    binning = Binning.fit(np.linspace(0.0, 0.1, 50))
    with pytest.raises(InputError, match="bin edges cannot be changed"):
        Binning(binning.q_min + 0.02, binning.width, binning.values)


def test_metrics_by_hand():
    binning = Binning(0.0, 0.01, 0.005 + 0.01 * np.arange(10))
    reference = np.array([[0.015, 0.025], [0.035, 0.045]])
    predicted = reference + np.array([[0.000, 0.009], [-0.016, 0.001]])
    metrics = evaluate(predicted, reference, binning, total_charge_errors=np.array([0.1, -0.3]))
    assert metrics.within_tolerance == 0.75
    # labels: 1 1, 2 3, 3 1, 4 4
    assert metrics.exact_bin == 0.5 and metrics.within_one_bin == 0.75
    squares = 0.009**2 + 0.016**2 + 0.001**2
    assert metrics.rmse == pytest.approx(np.sqrt(squares / 4))
    assert metrics.mae == pytest.approx(0.026 / 4)
    assert metrics.max_error == pytest.approx(0.016)
    assert metrics.r2 == pytest.approx(1 - squares / (4 * 0.01**2))
    assert metrics.total_charge_error == pytest.approx(0.2)


def test_constant_charges_explain_no_fluctuation():
    random = np.random.default_rng(1)
    reference = random.normal(size=(50, 3)) + np.array([0.0, 1.0, 2.0])
    reference -= reference.mean(axis=1, keepdims=True)
    binning = Binning.fit(reference, 0.1)
    nulls = null_baselines(reference, reference, binning)
    assert nulls["mean of each atom"].r2 == pytest.approx(0.0)
    assert nulls["uniform Q/N"].r2 < -0.1
    assert evaluate(reference, reference, binning).r2 == 1.0


def test_folds_are_averaged_and_tables_written():
    binning = Binning(0.0, 0.01, 0.005 + 0.01 * np.arange(10))
    reference = np.array([[0.01, 0.02], [0.03, 0.04]])
    first = evaluate(reference + 0.003, reference, binning)
    second = evaluate(reference + 0.004, reference, binning)
    mean = mean_metrics([first, second])
    assert mean.rmse == pytest.approx(np.sqrt((0.003**2 + 0.004**2) / 2))
    assert mean.max_error == pytest.approx(0.004) and mean.frames == 4
    assert "| a | 100.00 % |" in markdown_table({"a": first})


@pytest.mark.parametrize("kind", ["blocks", "random"])
def test_splits_are_disjoint_and_complete(kind):
    seen = []
    for fold in range(5):
        split = split_frames(53, 5, fold, kind, seed=3)
        together = np.concatenate([split.train, split.validation, split.test])
        np.testing.assert_array_equal(np.sort(together), np.arange(53))
        seen.append(split.test)
        if kind == "blocks":
            assert (np.diff(split.test) == 1).all()
    np.testing.assert_array_equal(np.sort(np.concatenate(seen)), np.arange(53))


def test_impossible_splits_are_refused():
    with pytest.raises(InputError, match="cannot be split"):
        split_frames(4, 10, 0, "blocks")
    with pytest.raises(InputError, match="fold 7 of 5"):
        split_frames(50, 5, 7, "blocks")


def test_graphene_has_two_translations_per_cell_and_four_mirrors_each():
    assert len(lattice_symmetries(sheet(3, 2))) == 3 * 2 * 2 * 4
    assert len(lattice_symmetries(sheet(2, 3))) == 2 * 3 * 2 * 4


def test_symmetries_map_atoms_onto_atoms_and_leave_the_response_alone():
    electrode = sheet()
    kernel = coupling(electrode)
    potentials = np.random.default_rng(0).normal(size=len(electrode))
    inverse = np.linalg.inv(electrode.cell)
    for operation in lattice_symmetries(electrode):
        offset = operation.positions(electrode.positions) - electrode.positions[operation.permutation]
        fractional = offset @ inverse
        np.testing.assert_allclose(fractional, np.rint(fractional), atol=1e-9)
        np.testing.assert_allclose(
            kernel @ operation.sites(potentials), operation.sites(kernel @ potentials), atol=1e-12
        )


def test_lower_symmetry_is_found_as_such():
    electrode = sheet()
    positions = electrode.positions.copy()
    positions[5, 2] += 0.3
    defect = lattice_symmetries(Electrode(electrode.symbols, positions, electrode.cell))
    assert len(defect) == 2  # the mirror through the displaced atom
    flake = Electrode(electrode.symbols, electrode.positions, electrode.cell, (False, False, False))
    assert len(lattice_symmetries(flake)) == 1
    doped = Electrode(("N", *electrode.symbols[1:]), electrode.positions, electrode.cell)
    assert len(lattice_symmetries(doped)) == 2
