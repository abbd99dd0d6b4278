"""What a response net evaluates with NumPy is what TensorFlow trains, derivatives by hand included."""

from dataclasses import replace

import numpy as np
import pytest
from nn_cases import coupling_pairs, frames, prior, sheet

from polcouple.electrode import Electrode
from polcouple.lattice.symmetry import lattice_symmetries
from polcouple.learning.correction_training import CorrectionGraph
from polcouple.nn._tensorflow import tensorflow
from polcouple.nn.correction import Correction, initial_weights, pair_orbits
from polcouple.nn.response_net import ResponseNet

TOTAL_CHARGE, CHARGE_SCALE_DATA, ENERGY_SCALE = -0.7, 0.05, 3.0


@pytest.fixture(params=["sheet", "flake"])
def electrode(request):
    """The sheet repeats 3 x 2 times; a flake is one part."""
    periodic = request.param == "sheet"
    return Electrode(sheet().symbols, sheet().positions, sheet().cell, (periodic,) * 3)


@pytest.fixture
def correction(electrode):
    orbits = pair_orbits(len(electrode), lattice_symmetries(electrode))
    weights = initial_weights(orbits, filters=3, width=5, members=2, seed=1)
    random = np.random.default_rng(2)
    for name in ("bias_0", "bias_1", "kernel_2"):
        weights[name] = random.normal(size=weights[name].shape).astype(np.float32)
    return Correction(orbits, coupling_pairs(electrode), CHARGE_SCALE_DATA, ENERGY_SCALE, weights)


@pytest.fixture
def automatic(correction):
    """Energies, derivatives by potentials and by Q, and both of these by Q again, for each member."""
    tf, graph = tensorflow(), CorrectionGraph(correction)
    phi = 4.0 * frames(sheet(), 1, seed=5).site_potentials[0]
    induced = tf.constant((phi - phi.mean())[None] @ graph.scaled_kernel.numpy(), tf.float32)
    inputs, charges = graph.copies(induced), graph.copies(tf.constant([TOTAL_CHARGE], tf.float32))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([inputs, charges])
        energies, by_induced, by_charge = graph.derivatives(inputs, charges, graph.filter_bank())
        along = tf.reduce_sum(by_charge)
    mixed, curvature = tape.gradient(along, [inputs, charges])
    kernel = graph.scaled_kernel
    found = energies[:, 0], by_induced[:, 0] @ kernel, by_charge[:, 0], mixed[:, 0] @ kernel, curvature[:, 0]
    return phi, [ENERGY_SCALE * part.numpy().astype(float) for part in found]


def test_derivatives_by_hand_are_the_automatic_ones(electrode, correction, automatic):
    phi, (energies, charges, slopes, mixed, curvatures) = automatic
    linear = prior(electrode, (-1.0, 0.0))
    net = ResponseNet("made up", electrode, linear, correction, {0.0: 1e-5})
    terms = [linear.at(TOTAL_CHARGE, order) for order in (0, 1, 2)]
    induced = [part.kernel @ (phi - phi.mean()) for part in terms]
    response, change = net.respond(phi, TOTAL_CHARGE), net.charge_response(phi, TOTAL_CHARGE)

    def close(found, exact):
        np.testing.assert_allclose(found, exact, atol=1e-5 * np.abs(exact).max())

    def close_sum(found, exact):
        """A difference of sums over the atoms, whose terms are near 1 and rounded to single precision."""
        assert abs(exact) > 1e-3
        assert found == pytest.approx(exact, abs=3e-7 * ENERGY_SCALE * len(electrode))

    close_sum(response.energy - terms[0].value(phi, induced[0]), energies.mean())
    close(response.charges - terms[0].charges - induced[0], charges.mean(axis=0) - charges.mean())
    close_sum(-response.fermi_level - terms[1].value(phi, induced[1]), slopes.mean())
    close(response.disagreement, (charges - charges.mean(axis=1)[:, None]).std(axis=0).max())
    close(change.fukui - terms[1].charges - induced[1], mixed.mean(axis=0) - mixed.mean())
    close_sum(change.hardness - terms[2].value(phi, induced[2]), curvatures.mean())


def test_weights_come_back_from_the_graph(correction):
    weights = CorrectionGraph(correction).correction().weights
    for name, values in correction.weights.items():
        np.testing.assert_array_equal(weights[name], values)


def test_lattice_and_whole_agree(correction, electrode):
    """Pairs without the lattice's symmetry are not taken for a convolution."""
    net = ResponseNet("made up", electrode, prior(electrode, (-1.0, 0.0)), correction, {0.0: 1e-5})
    moved = correction.orbits.copy()
    moved[0, 1] = moved[0, 2]
    broken = Correction(moved, correction.kernel, CHARGE_SCALE_DATA, ENERGY_SCALE, correction.weights)
    other = ResponseNet("made up", electrode, prior(electrode, (-1.0, 0.0)), broken, {0.0: 1e-5})
    phi = frames(sheet(), 1, seed=5).site_potentials[0]
    features = [(moved == o) @ (correction.kernel.whole @ (phi - phi.mean())) for o in range(moved.max() + 1)]
    expected = np.einsum("mo,on->nm", correction.weights["filters"], np.array(features)) / CHARGE_SCALE_DATA
    np.testing.assert_allclose(other._features(phi - phi.mean()), expected, atol=1e-4)
    assert np.abs(net._features(phi - phi.mean()) - expected).max() > 1e-2


@pytest.mark.parametrize("name", ["filters", "kernel_0", "bias_0", "bias_1", "kernel_2"])
def test_weights_of_another_shape_are_refused(correction, name):
    """Which would otherwise be broadcast, or fail in the middle of a run."""
    weights = dict(correction.weights)
    weights[name] = weights[name][..., :1] if name != "kernel_2" else weights[name][:, :-1]
    with pytest.raises(ValueError, match=f"{name} has shape"):
        replace(correction, weights=weights)
