"""Symmetries of the physics, as properties of every backend through the whole force provider."""

import numpy as np
import pytest
import yaml

from polcouple.backends.base import create_backend
from polcouple.case import read_case, write_init_xyz
from polcouple.forces import ForceProvider

#: energies are sums of single-precision terms (Hartree), forces too (Hartree/bohr)
ENERGY = 1e-4
FORCE = 1e-5
#: charges are solved for to 1e-6 e or better
CHARGE = 2e-7


@pytest.fixture(scope="module", params=["fixed", "response", "dftb"])
def provider(request, small_case):
    backend = create_backend(request.param, small_case.electrode, small_case.electrolyte)
    return ForceProvider(small_case, backend, threads=1)


@pytest.fixture(scope="module")
def original(provider, small_case):
    """Positions away from all symmetry, and their evaluation."""
    positions = small_case.positions.copy()
    moving = small_case.electrolyte_indices
    positions[moving] += 0.02 * np.random.default_rng(4).standard_normal((len(moving), 3))
    return positions, provider.evaluate(positions, small_case.cell)


def assert_same(evaluation, energy, forces, charges):
    assert evaluation.energy == pytest.approx(energy, abs=ENERGY)
    assert np.abs(evaluation.forces - forces).max() < FORCE
    assert np.abs(evaluation.extras["charges"] - charges).max() < CHARGE


@pytest.mark.parametrize("steps", [(1, 0, 0), (-2, 3, 1)])
def test_lattice_translations_of_everything(provider, original, small_case, steps):
    positions, before = original
    after = provider.evaluate(positions + np.array(steps) @ small_case.cell, small_case.cell)
    assert_same(after, before.energy, before.forces, before.extras["charges"])


def test_every_atom_may_be_any_image(provider, original, small_case):
    """i-PI folds atoms one by one: molecules are split."""
    positions, before = original
    images = np.random.default_rng(5).integers(-1, 2, positions.shape)
    after = provider.evaluate(positions + images @ small_case.cell, small_case.cell)
    assert_same(after, before.energy, before.forces, before.extras["charges"])


def test_permutations_of_waters_and_ions(provider, original, small_case):
    positions, before = original
    rng = np.random.default_rng(6)
    order = np.arange(len(positions))
    for hydrogen, oxygens in enumerate(3 * [rng.permutation(small_case.water_oxygens)]):
        order[small_case.water_oxygens + hydrogen] = oxygens + hydrogen
    for symbol in ("Na", "Cl"):
        ions = np.flatnonzero(np.array(small_case.symbols) == symbol)
        order[ions] = rng.permutation(ions)
    after = provider.evaluate(positions[order], small_case.cell)
    assert_same(after, before.energy, before.forces[order], before.extras["charges"])


@pytest.mark.parametrize("axis", [0, 1])
def test_mirrors_of_the_sheet(provider, original, small_case, axis):
    """The liquid is mirrored; charges of mirrored carbons change places, forces are mirrored."""
    positions, before = original
    plane, partner = mirror(small_case.electrode.positions, small_case.cell, axis)
    moving = small_case.electrolyte_indices
    mirrored = positions.copy()
    mirrored[moving, axis] = 2 * plane - positions[moving, axis]
    after = provider.evaluate(mirrored, small_case.cell)
    forces = before.forces.copy()
    forces[:, axis] *= -1
    assert_same(after, before.energy, forces, before.extras["charges"][partner])
    if np.ptp(before.extras["charges"]) > 1e-6:  # the test must be able to fail
        assert np.abs(after.extras["charges"] - before.extras["charges"]).max() > 100 * CHARGE


def mirror(sites, cell, axis):
    """A plane normal to ``axis`` that maps the sites on themselves, and each site's image."""
    inverse = np.linalg.inv(cell)
    # a mirror takes the first site to some site
    for plane in 0.5 * (sites[0, axis] + sites[:, axis]):
        images = sites.copy()
        images[:, axis] = 2 * plane - sites[:, axis]
        fractional = (images[:, None] - sites) @ inverse
        distances = np.linalg.norm((fractional - np.round(fractional)) @ cell, axis=2)
        if distances.min(axis=1).max() < 1e-3:
            return plane, distances.argmin(axis=1)
    raise AssertionError("no mirror plane")


def test_doubled_cell(small_case, small_directory):
    """Twice the cell has twice the energy, the same forces and twice the same charges.

    For `fixed` only: the others sample the Gamma point of their cell, and a doubled cell has other k-points.
    """
    case = small_case
    path = small_directory / "system.yaml"
    content = yaml.safe_load(path.read_text())
    for block in content["topology"]:
        block["count"] *= 2
    content["electrodes"][0]["last_atom"] = 2 * len(case.electrode) - 1
    content["electrodes"][0]["total_charge_e"] *= 2
    path.write_text(yaml.safe_dump(content))
    stops = np.cumsum(
        [block.count * (3 if block.species == "water" else 1) for block in case.system.topology]
    )
    blocks = np.split(np.arange(len(case)), stops[:-1])
    order = np.concatenate([np.concatenate([block, block]) for block in blocks])
    shifts = np.concatenate([np.repeat([0.0, 1.0], len(block)) for block in blocks])
    cell = case.cell.copy()
    cell[0] *= 2
    positions = case.positions[order] + shifts[:, None] * case.cell[0]
    write_init_xyz(small_directory / "init.xyz", tuple(case.symbols[i] for i in order), positions, cell)
    answers = []
    for which in (case, read_case(small_directory)):
        backend = create_backend("fixed", which.electrode, which.electrolyte)
        answers.append(ForceProvider(which, backend, threads=1).evaluate(which.positions, which.cell))
    single, double = answers
    # the two have different Ewald grids, both accurate to ewald_tolerance
    assert double.energy == pytest.approx(2 * single.energy, rel=2e-5)
    scale = np.abs(single.forces).max()
    assert np.abs(double.forces - single.forces[order]).max() < 1e-3 * scale
    halves = double.extras["charges"].reshape(2, -1)
    assert np.abs(halves - single.extras["charges"]).max() < 1e-12
