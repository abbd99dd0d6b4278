"""A block-circulant matrix is known by the columns of one part, and gives what the whole one gives."""

import numpy as np
import pytest
from shuffled_sheet import sheet

from polcouple.electrostatics.ewald import ewald_matrix
from polcouple.lattice import matrix as module
from polcouple.lattice.convolution import lattice_orbits
from polcouple.lattice.matrix import (
    RepeatingMatrix,
    as_matrix,
    block_circulant,
    columns_of,
    dense,
    fill_block_circulant,
    from_part_waves,
    weighted_sum,
)


@pytest.mark.parametrize(("cells", "layers"), [((3, 2), 1), ((4, 3), 2)])
def test_columns_of_the_first_part_fill_the_matrix(cells, layers):
    electrode = sheet(*cells, layers)
    matrix = ewald_matrix(electrode.positions, electrode.cell, accuracy=1e-13)
    orbits, shape = lattice_orbits(electrode)
    filled = fill_block_circulant(matrix[:, orbits[0]], orbits, shape)
    assert np.abs(filled - matrix).max() < 1e-12 * np.abs(matrix).max()
    assert block_circulant(matrix, orbits, shape)
    matrix[5, 3] += 1e-6
    assert not block_circulant(matrix, orbits, shape)


def test_used_for_large_block_circulant_matrices_only(monkeypatch):
    electrode = sheet(3, 2)
    matrix = ewald_matrix(electrode.positions, electrode.cell, accuracy=1e-13)
    assert as_matrix(matrix, electrode) is matrix
    monkeypatch.setattr(module, "SMALLEST", 10)
    assert isinstance(as_matrix(matrix, electrode), RepeatingMatrix)
    defect = matrix.copy()
    defect[3, 5] += 1e-6 * np.abs(matrix).max()
    assert as_matrix(defect, electrode) is defect


@pytest.mark.parametrize(("cells", "layers"), [((3, 2), 1), ((4, 3), 2)])
def test_repeating_matrix_is_the_whole_one(cells, layers):
    electrode = sheet(*cells, layers)
    whole = ewald_matrix(electrode.positions, electrode.cell, accuracy=1e-13)
    orbits, shape = lattice_orbits(electrode)
    matrix = RepeatingMatrix(whole[:, orbits[0]], orbits, shape)
    largest = np.abs(whole).max()
    random = np.random.default_rng(2)
    vector, atoms = random.normal(size=len(whole)), random.permutation(len(whole))[:7]
    assert len(matrix) == len(whole)
    np.testing.assert_allclose(matrix @ vector, whole @ vector, atol=1e-11 * largest)
    np.testing.assert_allclose(columns_of(matrix, atoms), whole[:, atoms], atol=1e-12 * largest)
    np.testing.assert_allclose(dense(matrix), whole, atol=1e-12 * largest)
    both = weighted_sum((0.3, -2.0), (matrix, matrix))
    np.testing.assert_allclose(dense(both), -1.7 * whole, atol=1e-11 * largest)
    columns = np.empty_like(matrix.columns)
    columns[orbits] = from_part_waves(matrix.waves() @ matrix.waves(), shape)
    square = RepeatingMatrix(columns, orbits, shape)
    np.testing.assert_allclose(dense(square), whole @ whole, atol=1e-10 * largest**2)
    with pytest.raises(TypeError):
        vector @ matrix
