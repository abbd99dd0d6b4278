"""Symmetries of the physics, as properties of every backend through the whole force provider."""

import numpy as np
import pytest
import yaml
from conftest import REFERENCE

from polcouple.backends.base import create_backend
from polcouple.case.model import read_case, write_init_xyz
from polcouple.coupling.forces import ForceProvider
from polcouple.units import ANGSTROM_TO_BOHR

#: energies are sums of single-precision terms (Hartree), forces too (Hartree/bohr)
ENERGY = 1e-4
FORCE = 1e-5
#: charges are solved for to 1e-6 e or better
CHARGE = 2e-7
#: their grid neither moves nor is mirrored with the liquid, and is good for 1e-6 Hartree/e
GRID = 2e-6
#: the network shares its filters by translations and half turns; mirrors it knows from training alone
LEARNT = 3e-5


#: orthorhombic cell of the sheets (bohr)
GRAPHENE = np.array([2.46, 2.46 * np.sqrt(3.0)]) * ANGSTROM_TO_BOHR
#: the shipped networks are for the reference system
CASES = ["fixed", "metal", "response", "dftb", pytest.param("nn", marks=pytest.mark.slow)]


@pytest.fixture(scope="module", params=CASES)
def setting(request, small_case):
    """A case and a force provider."""
    case = read_case(REFERENCE) if request.param == "nn" else small_case
    backend = create_backend(request.param, case.electrode, case.electrolyte)
    return case, ForceProvider(case, backend, threads=1)


@pytest.fixture
def case(setting):
    return setting[0]


@pytest.fixture
def provider(setting):
    return setting[1]


@pytest.fixture(scope="module")
def original(setting):
    """Positions away from all symmetry, and their evaluation."""
    case, provider = setting
    positions = case.positions.copy()
    moving = case.electrolyte_indices
    positions[moving] += 0.02 * np.random.default_rng(4).standard_normal((len(moving), 3))
    return positions, provider.evaluate(positions, case.cell)


def assert_same(evaluation, energy, forces, charges, tolerance=CHARGE):
    assert evaluation.energy == pytest.approx(energy, abs=ENERGY)
    assert np.abs(evaluation.forces - forces).max() < FORCE
    assert np.abs(evaluation.extras["charges"] - charges).max() < tolerance


@pytest.mark.parametrize("steps", [(1, 0, 0), (-2, 3, 1)])
def test_lattice_translations_of_everything(provider, original, case, steps):
    positions, before = original
    after = provider.evaluate(positions + np.array(steps) @ case.cell, case.cell)
    assert_same(after, before.energy, before.forces, before.extras["charges"])


@pytest.mark.parametrize("axis", [0, 1])
def test_translations_of_the_liquid_by_a_cell_of_the_sheet(provider, original, case, axis):
    """Charges and forces move with the liquid."""
    positions, before = original
    shift = np.zeros(3)
    shift[axis] = GRAPHENE[axis]
    partner = nearest_sites(case.electrode.positions + shift, case.electrode.positions, case.cell)
    moved = positions.copy()
    moved[case.electrolyte_indices] += shift
    after = provider.evaluate(moved, case.cell)
    charges = np.empty_like(before.extras["charges"])
    charges[partner] = before.extras["charges"]
    assert_same(after, before.energy, before.forces, charges, GRID)
    require_change(before, after)


def test_every_atom_may_be_any_image(provider, original, case):
    """i-PI folds atoms one by one: molecules are split."""
    positions, before = original
    images = np.random.default_rng(5).integers(-1, 2, positions.shape)
    after = provider.evaluate(positions + images @ case.cell, case.cell)
    assert_same(after, before.energy, before.forces, before.extras["charges"])


def test_permutations_of_waters_and_ions(provider, original, case):
    positions, before = original
    rng = np.random.default_rng(6)
    order = np.arange(len(positions))
    for hydrogen, oxygens in enumerate(3 * [rng.permutation(case.water_oxygens)]):
        order[case.water_oxygens + hydrogen] = oxygens + hydrogen
    for symbol in ("Na", "Cl"):
        ions = np.flatnonzero(np.array(case.symbols) == symbol)
        order[ions] = rng.permutation(ions)
    after = provider.evaluate(positions[order], case.cell)
    assert_same(after, before.energy, before.forces[order], before.extras["charges"])


@pytest.mark.parametrize("axis", [0, 1])
def test_mirrors_of_the_sheet(request, provider, original, case, axis):
    """The liquid is mirrored; charges of mirrored carbons change places, forces are mirrored."""
    positions, before = original
    plane, partner = mirror(case.electrode.positions, case.cell, axis)
    moving = case.electrolyte_indices
    mirrored = positions.copy()
    mirrored[moving, axis] = 2 * plane - positions[moving, axis]
    after = provider.evaluate(mirrored, case.cell)
    forces = before.forces.copy()
    forces[:, axis] *= -1
    tolerance = LEARNT if request.node.callspec.params["setting"] == "nn" else GRID
    assert_same(after, before.energy, forces, before.extras["charges"][partner], tolerance)
    require_change(before, after)


def require_change(before, after):
    """The charges have changed places, so that the test could have failed (all are the same with `fixed`)."""
    if np.ptp(before.extras["charges"]) > 1e-6:
        assert np.abs(after.extras["charges"] - before.extras["charges"]).max() > 100 * LEARNT


def mirror(sites, cell, axis):
    """A plane normal to ``axis`` that maps the sites on themselves, and each site's image."""
    # a mirror takes the first site to some site
    for plane in 0.5 * (sites[0, axis] + sites[:, axis]):
        images = sites.copy()
        images[:, axis] = 2 * plane - sites[:, axis]
        partner = nearest_sites(images, sites, cell)
        if partner is not None:
            return plane, partner
    raise AssertionError("no mirror plane")


def nearest_sites(images, sites, cell):
    """The site that each image lies on, None if one lies on none."""
    fractional = (images[:, None] - sites) @ np.linalg.inv(cell)
    distances = np.linalg.norm((fractional - np.round(fractional)) @ cell, axis=2)
    return distances.argmin(axis=1) if distances.min(axis=1).max() < 1e-3 else None


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
