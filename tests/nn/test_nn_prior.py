"""The prior: what DFTB says at the nodes, one smooth function of the total charge between them."""

import numpy as np
import pytest
from nn_cases import prior, sheet

from polcouple.backends.dftb import Options
from polcouple.errors import ModelMismatchError
from polcouple.lattice.symmetry import lattice_symmetries
from polcouple.learning.train import linear_response_prior
from polcouple.nn.correction import pair_orbits
from polcouple.nn.prior import class_means, pair_classes


@pytest.fixture(scope="module")
def electrode():
    """3 x 2 cells: the Dirac point folds onto Gamma, and at -4 e its shell is filled."""
    return sheet()


@pytest.fixture(scope="module")
def graphene(electrode):
    return linear_response_prior(electrode, [-5.0, -2.0], Options())


def value(terms, phi):
    return terms.value(phi, terms.kernel @ phi)


def test_nodes_are_whole_charges_and_the_surroundings_of_a_filled_shell(graphene):
    np.testing.assert_allclose(
        graphene.total_charges, [-5, -4.5, -4.25, -4.1, -4.02, -4, -3.98, -3.9, -3.75, -3.5, -3, -2]
    )


def test_nodes_are_exact(electrode, graphene):
    solution, response = Options().frozen_electrode(electrode).bare_reference(-3.0)
    terms, slopes = graphene.at(-3.0), graphene.at(-3.0, order=1)
    assert terms.energy == pytest.approx(solution.energy, abs=1e-9)
    assert -slopes.energy == pytest.approx(solution.fermi_level, abs=1e-9)
    np.testing.assert_allclose(terms.charges, solution.charges, atol=1e-9)
    np.testing.assert_allclose(slopes.charges, response.fukui, atol=1e-9)
    np.testing.assert_allclose(terms.kernel, response.charge_kernel, atol=1e-9)


def test_between_nodes_it_stays_close_to_dftb(electrode, graphene):
    for total_charge in (-2.4, -3.6, -4.6):
        solution, response = Options().frozen_electrode(electrode).bare_reference(total_charge)
        terms, slopes = graphene.at(total_charge), graphene.at(total_charge, order=1)
        assert terms.energy == pytest.approx(solution.energy, abs=3e-6)
        assert -slopes.energy == pytest.approx(solution.fermi_level, abs=1e-5)
        scale = np.abs(response.charge_kernel).max()
        np.testing.assert_allclose(terms.kernel, response.charge_kernel, atol=5e-3 * scale)


@pytest.mark.parametrize("total_charge", [-4.7, -3.3, -2.2])
def test_orders_are_derivatives_of_each_other(graphene, total_charge):
    phi = 0.02 * np.random.default_rng(0).normal(size=24)
    step = 1e-4
    for order in (0, 1):
        ends = [value(graphene.at(total_charge + sign * step, order), phi) for sign in (-1, 1)]
        exact = value(graphene.at(total_charge, order + 1), phi)
        assert (ends[1] - ends[0]) / (2 * step) == pytest.approx(exact, rel=1e-6, abs=1e-6)


def test_the_first_derivative_is_continuous_at_nodes(graphene):
    phi = 0.02 * np.random.default_rng(0).normal(size=24)
    for node in graphene.total_charges[1:-1]:
        left, right = (value(graphene.at(node + sign * 1e-9, order=1), phi) for sign in (-1, 1))
        assert left == pytest.approx(right, abs=1e-6)


def test_the_fermi_level_falls_through_the_filled_shell(graphene):
    """The energy is convex in Q: a potential held within the jump has one answer."""
    charges = np.linspace(-4.06, -3.94, 40)
    levels = np.array([-graphene.at(charge, order=1).energy for charge in charges])
    assert (np.diff(levels) < 0.0).all()
    middle = -graphene.at(-4.0, order=1).energy
    assert middle == pytest.approx(graphene.fermi_levels[graphene.total_charges == -4.0][0], abs=1e-12)
    assert levels[0] - 0.01 > middle > levels[-1] + 0.01


def test_sum_rules_hold_between_nodes(graphene):
    for total_charge in (-4.99, -4.01, -2.5):
        for order, total in enumerate((total_charge, 1.0, 0.0)):
            terms = graphene.at(total_charge, order)
            assert terms.charges.sum() == pytest.approx(total, abs=1e-12)
            np.testing.assert_allclose(terms.kernel.sum(axis=1), 0.0, atol=1e-9)
            np.testing.assert_array_equal(terms.kernel, terms.kernel.T)


def test_charges_beyond_the_nodes_are_refused(graphene):
    with pytest.raises(ModelMismatchError, match=r"from -5 to -2 e, not -1\.5 e"):
        graphene.at(-1.5)


def test_a_single_node_has_its_slopes():
    terms = prior(sheet(), (-1.0,)).at(-1.0, order=1)
    assert terms.energy == pytest.approx(0.2 * -1.0)
    np.testing.assert_allclose(terms.charges, 1 / 24)


def test_a_kernel_with_the_lattices_symmetry_is_stored_without_loss(electrode):
    kernel = Options().frozen_electrode(electrode).bare_reference(-1.0)[1].charge_kernel
    classes = pair_classes(pair_orbits(24, lattice_symmetries(electrode)))
    values = class_means(kernel[None], classes)[0]
    assert len(values) <= 24
    np.testing.assert_allclose(values[classes], kernel, atol=1e-9)
