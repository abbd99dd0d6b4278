"""Dipoles across a flat sheet: the uniform answer, the cell's boundary, long waves, plain sums."""

import numpy as np
import pytest
from scipy.special import erf

from polcouple.builder.surfaces import graphene_sheet
from polcouple.electrostatics.sheet_dipoles import SheetDipoles
from polcouple.units import ANGSTROM_TO_BOHR

ALPHA, WIDTH = 2.7, 0.5


def sheet(cells, height=60.0):
    """Positions (n, 3) and cell in bohr."""
    positions, sides = graphene_sheet(*cells)
    return positions * ANGSTROM_TO_BOHR, np.diag([*sides, height]) * ANGSTROM_TO_BOHR


def test_uniform_field():
    """A sheet alone has the polarisability asked for; in a cell the images' field comes on top."""
    positions, cell = sheet((4, 2))
    n, volume = len(positions), np.linalg.det(cell)
    field = np.full(n, 0.01)
    alone = SheetDipoles(positions, cell, ALPHA, WIDTH, slab=4.0 * np.pi / volume).solve(field)
    assert alone == pytest.approx(ALPHA * 0.01, rel=1e-8)
    periodic = SheetDipoles(positions, cell, ALPHA, WIDTH).solve(field)
    assert periodic == pytest.approx(ALPHA * 0.01 / (1.0 - 4.0 * np.pi * n * ALPHA / volume), rel=1e-8)


def test_plain_sum():
    """Of a field at one atom, with images written out to three times as far."""
    positions, cell = sheet((4, 2))
    n, k = len(positions), WIDTH / np.sqrt(2.0)
    steps = np.stack(np.meshgrid(*[np.arange(-14, 15)] * 2, indexing="ij"), axis=-1).reshape(-1, 2)
    shifts = steps @ cell[:2]
    apart = np.linalg.norm(positions[:, None, None] - positions[None, :, None] - shifts, axis=3)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = erf(k * apart) / apart**3 - 2.0 * k / np.sqrt(np.pi) * np.exp(-((k * apart) ** 2)) / apart**2
    limit = 90.0
    terms[(apart < 1e-9) | (apart > limit)] = 0.0
    area = cell[0, 0] * cell[1, 1]
    matrix = terms.sum(axis=2) + 2.0 * np.pi / (area * limit)
    own = 1.0 / ALPHA - matrix.sum(axis=1).mean()
    field = np.zeros(n)
    field[3] = 0.01
    expected = np.linalg.solve(own * np.eye(n) + matrix, field)
    slab = 4.0 * np.pi / np.linalg.det(cell)
    found = SheetDipoles(positions, cell, ALPHA, WIDTH, slab=slab).solve(field)
    assert found == pytest.approx(expected, abs=2e-3 * np.abs(expected).max())
    assert expected[3] > 0.0 and np.delete(expected, 3).min() < -1e-4  # neighbours are turned against it


def test_long_waves():
    """1/alpha(k) falls by 2 pi k over an atom's area: the field of a wave of dipoles leaks out."""
    positions, cell = sheet((24, 1))
    n, area = len(positions), cell[0, 0] * cell[1, 1] / len(positions)
    k = 2.0 * np.pi / cell[0, 0]
    wave = 1e-3 * np.cos(k * positions[:, 0])
    found = SheetDipoles(positions, cell, ALPHA, WIDTH).solve(wave)
    inverse = float(wave @ wave) / float(found @ wave)
    assert inverse < 1.0 / ALPHA
    assert inverse == pytest.approx(1.0 / ALPHA - 2.0 * np.pi * k / area, abs=0.15 * 2.0 * np.pi * k / area)
    assert n == 96
