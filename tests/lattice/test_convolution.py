"""The convolution over a lattice is the dense product, and is used where lattice and matrix allow it."""

import numpy as np
import pytest
from shuffled_sheet import sheet

from polcouple.electrode import Electrode
from polcouple.electrostatics.ewald import ewald_matrix
from polcouple.lattice.convolution import LatticeConvolution, lattice_orbits
from polcouple.units import ANGSTROM_TO_BOHR


@pytest.fixture(params=["products", "fast transforms"])
def sums(request, monkeypatch):
    """Both ways to sum over the parts."""
    if request.param == "fast transforms":
        monkeypatch.setattr("polcouple.lattice.convolution._FEW", 0)


@pytest.mark.usefixtures("sums")
@pytest.mark.parametrize(("cells", "layers", "shape"), [((3, 2), 1, (3, 2, 1)), ((4, 3), 2, (4, 3, 2))])
def test_convolution_is_the_dense_product(cells, layers, shape):
    electrode = sheet(*cells, layers)
    matrix = ewald_matrix(electrode.positions, electrode.cell, accuracy=1e-13)
    orbits, found = lattice_orbits(electrode)
    assert found == shape
    product = LatticeConvolution(matrix[:, orbits[0]], orbits, found)
    for vector in np.random.default_rng(0).normal(size=(5, len(electrode))):
        expected = matrix @ vector
        assert np.abs(product(vector) - expected).max() < 1e-12 * np.abs(expected).max()


def test_skewed_cell_repeats_along_its_vectors():
    """Primitive cells of 60 degrees: both vectors of a 5 x 4 supercell are divided."""
    a = 2.46 * ANGSTROM_TO_BOHR
    primitive = np.array([[a, 0.0, 0.0], [0.5 * a, 0.75**0.5 * a, 0.0], [0.0, 0.0, 30.0]])
    motif = np.array([[0.0, 0.0, 0.0], [1 / 3, 1 / 3, 0.0]]) @ primitive
    origins = np.array([[i, j, 0.0] for i in range(5) for j in range(4)]) @ primitive
    positions = (origins[:, None] + motif).reshape(-1, 3)
    orbits, shape = lattice_orbits(Electrode(("C",) * 40, positions, primitive * [[5], [4], [1]]))
    assert shape == (5, 4, 1)
    assert orbits.shape == (20, 2)


@pytest.mark.parametrize("change", ["moved", "element", "flake"])
def test_what_does_not_repeat_is_left_whole(change):
    regular = sheet(3, 2)
    positions, symbols, pbc = regular.positions.copy(), list(regular.symbols), (True, True, True)
    if change == "moved":
        positions[0] += 0.1
    elif change == "element":
        symbols[0] = "N"
    else:
        pbc = (False, False, False)
    orbits, shape = lattice_orbits(Electrode(tuple(symbols), positions, regular.cell, pbc))
    assert shape == (1, 1, 1)
    assert np.array_equal(orbits, [np.arange(len(regular))])


@pytest.mark.usefixtures("sums")
@pytest.mark.parametrize("pbc", [True, False])
def test_several_matrices_and_their_transposes(pbc):
    """Not symmetric, and on a flake, which has one part."""
    regular = sheet(4, 3)
    electrode = Electrode(regular.symbols, regular.positions, regular.cell, (pbc, pbc, pbc))
    orbits, shape = lattice_orbits(electrode)
    n, random = len(electrode), np.random.default_rng(1)
    columns = random.normal(size=(3, n, orbits.shape[1]))
    convolution = LatticeConvolution(columns, orbits, shape)
    matrices = np.stack([convolution(unit) for unit in np.eye(n)], axis=-1)
    assert (shape == (4, 3, 1)) == pbc
    np.testing.assert_allclose(matrices[..., orbits[0]], columns, atol=1e-13)
    values = random.normal(size=(2, 3, n))
    expected = np.einsum("sij,ksi->kj", matrices, values)
    np.testing.assert_allclose(convolution.adjoint(values), expected, atol=1e-12)
    single = LatticeConvolution(columns.astype(np.float32), orbits, shape)
    found = single(values[0, 0].astype(np.float32))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, convolution(values[0, 0]), atol=1e-5)
