"""The linear model of densities: its electrons, its turning with the atoms, grids, files."""

import numpy as np
import pytest
from scipy.special import eval_legendre

from polcouple.electrode import Electrode
from polcouple.electrostatics.clouds import ExponentialCloud, GaussianCloud
from polcouple.errors import InputError
from polcouple.nn.density import graphene
from polcouple.nn.density.basis import DensityBasis, solid_harmonics
from polcouple.nn.density.features import Surroundings
from polcouple.nn.density.files import DensityModel, load_density, seen_by
from polcouple.nn.density.grid import density_planes
from polcouple.nn.density.model import (
    DensityDesign,
    DensityPart,
    cloud_density,
    density_at,
    design_rows,
)
from polcouple.nn.model_files import save_model

CELL = np.diag([10.0, 11.0, 12.0])


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def atoms_at(positions, cell=CELL):
    return Electrode(("C", "O", "C", "C"), positions, cell)


def part(rng, charged=True, learned=False, exponents=(0.3, 0.6, 1.2)):
    design = DensityDesign(
        DensityBasis(exponents, 3, 1), Surroundings(("C", "O"), 5.5, 4, 3, charged), learned
    )
    return DensityPart(design, rng.normal(size=(2, design.length)))


def test_solid_harmonics(rng):
    u, v = (x / np.linalg.norm(x, axis=1)[:, None] for x in rng.normal(size=(2, 6, 3)))
    products = solid_harmonics(u, 3) * solid_harmonics(v, 3)
    cosines = np.einsum("pi,pi->p", u, v)
    for order in range(4):
        found = products[:, order**2 : (order + 1) ** 2].sum(axis=1)
        assert found == pytest.approx(eval_legendre(order, cosines), abs=1e-12)


@pytest.mark.parametrize("charged", [True, False])
@pytest.mark.parametrize("learned", [True, False])
def test_number_of_electrons_whatever_was_learned(rng, charged, learned):
    atoms, charges = atoms_at(rng.uniform(0.0, 10.0, (4, 3))), rng.normal(size=4)
    model = part(rng, charged, learned)
    coefficients = model.coefficients(atoms, charges)
    expected = -charges.sum() if charged else 0.0
    assert coefficients[:, :, 0].sum() == pytest.approx(expected, abs=1e-10)
    if not learned and charged:  # every atom keeps its own
        assert coefficients[:, :, 0].sum(axis=1) == pytest.approx(-charges, abs=1e-10)
    shape = (24, 27, 30)
    grid = np.concatenate(
        list(density_planes([(model.design.basis, coefficients)], atoms.positions, CELL, shape))
    )
    assert grid.shape == shape and np.abs(grid).max() > 0.01
    volume = np.linalg.det(CELL) / grid.size
    assert grid.sum() * volume == pytest.approx(expected, abs=2e-5 * np.abs(coefficients).sum())


@pytest.mark.parametrize("learned", [True, False])
def test_rows_are_derivatives_by_the_weights(rng, learned):
    atoms, charges = atoms_at(rng.uniform(0.0, 10.0, (4, 3))), rng.normal(size=4)
    model = part(rng, learned=learned)
    points = rng.uniform(-5.0, 20.0, (1700, 3))  # more than one block
    basis, design = model.design.basis, model.design
    found = density_at(basis, atoms, design.unlearned(charges), points)
    for block, rows in design_rows(design, atoms, charges, points):
        found[block] += rows.reshape(len(rows), -1) @ model.weights.ravel()
    expected = density_at(basis, atoms, model.coefficients(atoms, charges), points)
    assert found == pytest.approx(expected, abs=1e-11) and np.abs(expected).max() > 0.02


@pytest.mark.parametrize("charged", [True, False])
def test_density_turns_with_the_atoms(rng, charged):
    turned = np.linalg.qr(rng.normal(size=(3, 3)))[0]  # of either handedness: mirrors, too
    positions, charges = rng.uniform(2.0, 8.0, (4, 3)), rng.normal(size=4)
    model = part(rng, charged)
    points = rng.uniform(0.0, 10.0, (200, 3))
    densities = [
        density_at(model.design.basis, atoms, model.coefficients(atoms, charges), places)
        for atoms, places in (
            (atoms_at(positions), points),
            (atoms_at(positions @ turned, CELL @ turned), points @ turned),
        )
    ]
    assert densities[1] == pytest.approx(densities[0], abs=1e-10)
    assert np.std(densities[0]) > 0.01


def test_grid_has_the_values_and_smooths_what_it_cannot_hold(rng):
    """Functions much wider than the grid's spacing are sampled; narrow ones keep charge and dipole."""
    atoms = atoms_at(rng.uniform(0.0, 10.0, (4, 3)))
    basis, wide = DensityBasis((4.0, 8.0), 3, 0), DensityBasis((0.15,), 3, 0)
    shape = (30, 33, 36)
    steps = [np.arange(n) / n for n in shape]
    points = np.stack(np.meshgrid(*steps, indexing="ij"), axis=-1).reshape(-1, 3) @ CELL
    coefficients = rng.normal(size=(4, 1, 16))
    grid = np.concatenate(list(density_planes([(wide, coefficients)], atoms.positions, CELL, shape)))
    exact = density_at(wide, atoms, coefficients, points).reshape(shape)
    assert grid == pytest.approx(exact, abs=0.08 * np.abs(exact).max())
    one = np.zeros((4, 2, 16))
    one[0, 1, 0], one[0, 0, 2] = 1.0, 1.0
    centred = np.full((4, 3), 5.1)
    narrow = np.concatenate(list(density_planes([(basis, one)], centred, CELL, shape)))
    volume = np.linalg.det(CELL) / narrow.size
    assert narrow.sum() * volume == pytest.approx(1.0, abs=1e-5)
    z = points[:, 2].reshape(shape) - 5.1
    assert (narrow * z).sum() * volume == pytest.approx(1.0 / (2.0 * np.sqrt(4.0)), rel=1e-4)


def test_dipoles_of_a_sheet_have_their_size():
    """Of carbon's functions of a field, by the moment of what they hold."""
    atoms = Electrode(("C",), np.full((1, 3), 15.0), np.diag([30.0] * 3))
    z = np.linspace(-12.0, 12.0, 481)
    side = np.linspace(-10.0, 10.0, 41)
    points = np.stack(np.meshgrid(side, side, z, indexing="ij"), axis=-1).reshape(-1, 3) + 15.0
    values = density_at(graphene.BASIS, atoms, graphene.coefficients(np.array([0.7])), points)
    element = 0.5 * 0.5 * (z[1] - z[0])
    assert -(values @ (points[:, 2] - 15.0)) * element == pytest.approx(0.7, rel=1e-3)
    assert values.sum() * element == pytest.approx(0.0, abs=1e-9)


def test_clouds_are_normalised(rng):
    for cloud in (ExponentialCloud(1.3), GaussianCloud(0.8)):
        r = np.linspace(0.0, cloud.reach, 4001)
        inside = float(np.trapezoid(4.0 * np.pi * r**2 * cloud.density(r), r))
        assert inside == pytest.approx(1.0, abs=1e-5)
        atoms = Electrode(("C",), np.full((1, 3), 9.9), np.diag([20.0] * 3))
        found = cloud_density(atoms, [cloud], np.array([-0.4]), np.array([[9.9, 9.9, 10.9], [0.0, 0.0, 0.0]]))
        assert found[0] == pytest.approx(-0.4 * cloud.density(np.array([1.0]))[0])


def test_files(rng, tmp_path):
    neutral, charged = part(rng, False), part(rng, True)
    atoms, charges = atoms_at(rng.uniform(0.0, 10.0, (4, 3))), rng.normal(size=4)
    seen = seen_by(charged.design.surroundings, atoms)
    carbons = seen[[0, 2, 3]]
    trained = np.array([[carbons.min(axis=0), carbons.max(axis=0)], [seen[1], seen[1]]])
    model = DensityModel("mine", neutral, charged, (), trained)
    save_model(tmp_path / "mine", model.description(), model.arrays(), "card")
    again = load_density(tmp_path / "mine")
    for one, other in ((again.neutral, neutral), (again.charged, charged)):
        assert np.array_equal(one.coefficients(atoms, charges), other.coefficients(atoms, charges))
    with pytest.raises(InputError, match="knows C, O, and not H; train one"):
        again.require_serves(Electrode(("H",), np.zeros((1, 3)), CELL), mobile=False)
    with pytest.raises(InputError, match="for an electrode that stays; that of the case moves"):
        again.require_serves(atoms, mobile=True)
    again.require_serves(atoms, mobile=False)
    moved = atoms.positions + np.array([[0.0, 0.0, 0.0], [0.9, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    with pytest.raises(InputError, match="neighbours unlike those it was trained on, the first is atom"):
        again.require_serves(atoms_at(moved), mobile=False)
    text = (tmp_path / "mine" / "model.yaml").read_text()
    (tmp_path / "mine" / "model.yaml").write_text(text.replace("kind: density", "kind: response"))
    with pytest.raises(InputError, match="and no density"):
        load_density(tmp_path / "mine")
