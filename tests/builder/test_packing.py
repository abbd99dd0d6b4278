"""Packing: molecules keep their shape and distance, across the plane's boundaries too; what is refused."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from polcouple.builder import packing
from polcouple.builder.packing import (
    FACE_CLEARANCE,
    WATER_DENSITY,
    Kind,
    check_density,
    gap_for,
    pack_liquid,
    water_places,
)
from polcouple.builder.surfaces import graphene
from polcouple.errors import InputError

SHEET = graphene().repeated(12, 7)
#: as wide as it is deep, and leaning by a third of its width
LEANING = np.array([[17.0, 0.0], [5.7, 16.0]])
WATER = water_places(1.012, 113.24)


def kinds_of(n_water, n_ions):
    water = Kind("water", ("O", "H", "H"), WATER, n_water, 0.0, 18.0)
    return [water, Kind("Na", ("Na",), np.zeros((1, 3)), n_ions, 1.0, 23.0)]


def distances_between_molecules(packed, vectors):
    """Distances below 3 Angstrom between atoms of different molecules in a cell periodic along x and y."""
    positions = np.concatenate([own.reshape(-1, 3) for own in packed])
    sizes = [own.shape[1] for own in packed for _ in own]
    molecules = np.repeat(np.arange(len(sizes)), sizes)
    steps = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    images = np.concatenate([positions + np.append(step @ vectors, 0.0) for step in np.array(steps)])
    found = []
    for atom, near in enumerate(cKDTree(images).query_ball_point(positions, 3.0)):
        near = np.array(near)
        near = near[molecules[near % len(positions)] != molecules[atom]]
        found.append(np.linalg.norm(images[near] - positions[atom], axis=1))
    return np.concatenate(found)


@pytest.mark.parametrize(
    ("vectors", "n_water", "n_ions", "top"),
    [(SHEET.vectors, 2065, 176, 80.0), (SHEET.vectors, 500, 20, 20.5), (LEANING, 200, 8, 24.0)],
)
def test_packing_leaves_no_overlap(vectors, n_water, n_ions, top):
    packed = pack_liquid(kinds_of(n_water, n_ions), vectors, top, seed=3)
    assert [own.shape for own in packed] == [(n_water, 3, 3), (n_ions, 1, 3)]
    waters = packed[0]
    bonds = waters[:, 1:] - waters[:, :1]
    assert np.linalg.norm(bonds, axis=2) == pytest.approx(1.012, abs=5e-6)
    cosines = np.einsum("ij,ij->i", bonds[:, 0], bonds[:, 1]) / 1.012**2
    assert np.rad2deg(np.arccos(cosines)) == pytest.approx(113.24, abs=1e-3)
    heights = np.concatenate([own[..., 2].ravel() for own in packed])
    assert FACE_CLEARANCE - 0.1 < heights.min() and heights.max() < top + 0.1
    assert distances_between_molecules(packed, vectors).min() > 1.95
    # no layer of the liquid is left empty, and none is fuller than another by much
    layers = np.histogram(waters[:, 0, 2], bins=4, range=(FACE_CLEARANCE, top))[0]
    assert layers.min() > 0.7 * layers.mean()


def test_same_seed_packs_the_same():
    one, two, other = (pack_liquid(kinds_of(60, 5), LEANING, 12.0, seed) for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))
    assert not np.array_equal(one[0], other[0])


def test_gap_of_the_message_is_of_the_liquids_density():
    """Two faces take 1.7 Angstrom each; in between is water of its own density, and 9 % more at most."""
    kinds, area = kinds_of(1000, 0), float(SHEET.sides.prod())
    gap = gap_for(kinds, area, 2)
    assert 1000 / (area * (gap - 3.4)) == pytest.approx(WATER_DENSITY)
    check_density(kinds, SHEET.sides, gap, 2)
    check_density(kinds, SHEET.sides, 3.4 + (gap - 3.4) / 1.089, 2)
    with pytest.raises(InputError, match=rf"too dense to pack: 1000 .* a gap of {gap:.1f} Angstrom gives"):
        check_density(kinds, SHEET.sides, 3.4 + (gap - 3.4) / 1.091, 2)


def test_packmol_that_fails_or_is_missing_is_one_line(monkeypatch):
    with pytest.raises(InputError) as caught:
        pack_liquid(kinds_of(7, 2), np.diag([4.0, 4.0]), 4.0, seed=1)
    assert "packmol finds no place for 9 molecules between 2.3 and 4 Angstrom" in str(caught.value)
    assert "\n" not in str(caught.value)
    monkeypatch.setattr(packing.shutil, "which", lambda *_, **__: None)
    with pytest.raises(InputError, match=r"packmol is not there.*pip install packmol"):
        pack_liquid(kinds_of(1, 0), LEANING, 12.0, seed=1)
