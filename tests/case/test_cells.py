"""Every periodic image of every atom and every choice of lattice vectors is the same system."""

import dataclasses

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sheet_cases import sheet_case

from polcouple.backends.base import create_backend
from polcouple.case.model import read_case, read_init_xyz, write_init_xyz
from polcouple.coupling.forces import ForceProvider
from polcouple.electrostatics.ewald import ewald_energy_forces, ewald_matrix
from polcouple.engines.openmm import ClassicalEngine, InsideCell
from polcouple.errors import InputError
from polcouple.lattice.cell import heights, reduced_cell, same_lattice
from polcouple.units import ANGSTROM_TO_BOHR

#: single precision and the mesh's error where atoms lie otherwise on it (Hartree, Hartree/bohr, e)
ENERGY, FORCE, CHARGE = 1e-4, 2e-5, 1e-6


def provider_of(case, backend):
    return ForceProvider(case, create_backend(backend, case.electrode, case.electrolyte), threads=1)


def assert_same(one, other):
    assert one.energy == pytest.approx(other.energy, abs=ENERGY)
    assert np.abs(one.forces - other.forces).max() < FORCE
    assert np.abs(one.extras["charges"] - other.extras["charges"]).max() < CHARGE


@pytest.fixture(scope="module", params=["metal", "response"])
def plain(request, small_case):
    case = sheet_case(small_case)
    return request.param, case, provider_of(case, request.param).evaluate(case.positions, case.cell)


@pytest.mark.parametrize("skew", [(1, 0, 0), (0, 2, -1), (-3, 1, 4)])
def test_any_choice_of_lattice_vectors(plain, small_case, skew):
    backend, _, expected = plain
    case = sheet_case(small_case, skew=skew)
    rng = np.random.default_rng(1)
    images = case.positions + rng.integers(-2, 3, (len(case), 3)) @ case.cell
    assert_same(provider_of(case, backend).evaluate(images, case.cell), expected)


def test_a_sheet_on_the_upper_face(plain, small_case):
    backend, case, expected = plain
    assert_same(provider_of(case, backend).evaluate(top(case), case.cell), expected)
    lifted = sheet_case(small_case, height_shift=1.0)
    assert_same(provider_of(lifted, backend).evaluate(lifted.positions, lifted.cell), expected)


def top(case):
    positions = case.positions.copy()
    positions[case.electrode_indices] += case.cell[2]
    return positions


def test_energy_and_forces_are_those_of_a_plain_ewald_sum(small_case):
    """The Coulomb part in a leaning cell: what charges on the electrode do to energy and forces."""
    case = sheet_case(small_case, height_shift=1.0, lean=7.0)
    engine = ClassicalEngine(case, "nonbonded", threads=1)
    rng = np.random.default_rng(3)
    charges = 0.1 * rng.standard_normal(72)
    charges -= charges.mean()
    without, bare = engine.evaluate(case.positions)
    engine.set_charges(charges)
    energy, forces = engine.evaluate(case.positions)
    expected_energy, expected = 0.0, np.zeros_like(forces)
    for sign, electrode in ((1, charges), (-1, np.zeros(72))):
        all_charges = case.charges.copy()
        all_charges[:72] = electrode
        part, force = ewald_energy_forces(case.positions, all_charges, case.cell)
        part -= 0.5 * electrode @ ewald_matrix(case.positions[:72], case.cell) @ electrode
        expected_energy += sign * part
        expected += sign * force
    expected[:72] = 0.0
    assert energy - without == pytest.approx(expected_energy, abs=2e-5)
    assert np.abs(forces - bare - expected).max() < 1e-5


@pytest.mark.parametrize("lean", [0.0, 9.0])
def test_walls_feel_no_tilt(small_case, lean):
    """An atom beyond a wall feels k/2 dz^2 in every image, whichever way the third vector leans."""
    case = sheet_case(small_case, lean=lean)
    walls = case.system.force_field.walls
    softer = walls.model_copy(update={"spring_kcal_per_mol_angstrom2": 0.0})
    force_field = case.system.force_field.model_copy(update={"walls": softer})
    loose = dataclasses.replace(case, system=case.system.model_copy(update={"force_field": force_field}))
    rng = np.random.default_rng(4)
    images = case.positions + rng.integers(-2, 3, (len(case), 3)) @ case.cell
    felt = ClassicalEngine(case, "nonbonded", threads=1).evaluate(images)[1]
    felt -= ClassicalEngine(loose, "nonbonded", threads=1).evaluate(images)[1]
    heavy = np.concatenate([case.water_oxygens, case.ion_indices])
    z = case.positions[heavy, 2] / ANGSTROM_TO_BOHR
    beyond = np.minimum(z - walls.lower_angstrom, 0.0) + np.maximum(z - walls.upper_angstrom, 0.0)
    assert (beyond != 0.0).any()
    spring = walls.spring_kcal_per_mol_angstrom2 * 4.184 / 2625.49962 / ANGSTROM_TO_BOHR
    assert felt[heavy, 2] == pytest.approx(-spring * beyond, abs=2e-7)
    assert np.abs(felt[heavy, :2]).max() < 2e-7


_CELL = st.tuples(*[st.floats(20.0, 40.0)] * 3, *[st.floats(-0.5, 0.5)] * 3)


def cell_of(numbers):
    a, b, c, ab, ac, bc = numbers
    return np.array([[a, 0, 0], [ab * a, b, 0], [ac * a, bc * b, c]])


@given(_CELL, st.tuples(*[st.integers(-4, 4)] * 3))
def test_reduced_form(numbers, steps):
    """The same lattice, in the form that OpenMM asks for."""
    cell = cell_of(numbers)
    n, m, k = steps
    skewed = np.array([cell[0], cell[1] + n * cell[0], cell[2] + m * cell[0] + k * cell[1]])
    reduced = reduced_cell(skewed)
    assert same_lattice(reduced, cell, 1e-9)
    assert np.abs(np.linalg.det(reduced)) == pytest.approx(np.linalg.det(cell))
    for row, column in ((1, 0), (2, 0), (2, 1)):
        assert abs(reduced[row, column]) <= 0.5 * reduced[column, column] * (1 + 1e-12)
    assert heights(reduced).min() >= heights(skewed).min() - 1e-9


def test_other_lattices_are_told_apart():
    cell = cell_of((20.0, 25.0, 30.0, 0.2, 0.1, -0.3))
    assert not same_lattice(2 * cell, cell, 1e-3)
    assert not same_lattice(cell, 2 * cell, 1e-3)
    bent = cell.copy()
    bent[1, 0] += 0.1
    assert not same_lattice(bent, cell, 1e-3)


def faces(rng, cell, n):
    """(n, 3) points, half of their coordinates on faces of the cell, exactly or but for rounding."""
    fractional = rng.random((n, 3))
    whole = rng.random((n, 3)) < 0.5
    rounding = rng.choice([0.0, 1e-17, -1e-17, 1e-9, -1e-9, 3e-8, -3e-8], (n, 3))
    fractional[whole] = rounding[whole]
    return (fractional + rng.integers(-2, 3, (n, 3))) @ cell


def images_engine_check(numbers, seed):
    """dE/dq of electrode atoms on faces against the plain Ewald sum, by OpenMM's engine."""
    from polcouple.testing.cases import random_case

    rng = np.random.default_rng(seed)
    cell = cell_of(numbers)
    case = random_case(rng, cell / ANGSTROM_TO_BOHR, 4.5, 1e-6, n_waters=3, n_pairs=2)
    positions = case.positions.copy()
    spots = faces(rng, case.cell, len(case))
    on_face = rng.random(len(case)) < 0.3
    on_face[: len(case.electrode)] = True
    ions = np.zeros(len(case), bool)
    ions[case.ion_indices] = True
    movable = on_face & (ions | (np.arange(len(case)) < len(case.electrode)))
    positions[movable] = spots[movable]
    # no overlap: energies in single precision would drown in it
    if closest(positions, case.cell, movable) < 5.0:
        return
    case = dataclasses.replace(case, positions=positions)
    n = len(case.electrode)
    engine = ClassicalEngine(case, "nonbonded", threads=1)
    for i in range(1, n):
        energies = []
        for sign in (0.05, -0.05):
            charges = np.zeros(n)
            charges[0], charges[i] = -sign, sign
            engine.set_charges(charges)
            energies.append(engine.evaluate(positions)[0])
        # what the liquid does to the two, by the plain sum
        matrix = ewald_matrix(np.concatenate([positions[[0, i]], positions[n:]]), case.cell)
        expected = (matrix[1, 2:] - matrix[0, 2:]) @ case.charges[n:]
        assert (energies[0] - energies[1]) / 0.1 == pytest.approx(expected, abs=3e-5)


def closest(positions, cell, chosen):
    inverse = np.linalg.inv(cell)
    separation = (positions[chosen][:, None] - positions[None]) @ inverse
    separation -= np.round(separation)
    distance = np.linalg.norm(separation @ cell, axis=2)
    distance[np.arange(chosen.sum()), np.flatnonzero(chosen)] = np.inf
    return distance.min()


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_CELL, st.integers(0, 2**31))
def test_atoms_on_faces(numbers, seed):
    images_engine_check(numbers, seed)


@pytest.mark.slow
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_CELL, st.integers(0, 2**31))
def test_atoms_on_faces_many(numbers, seed):
    images_engine_check(numbers, seed)


def test_images_are_inside_and_off_the_faces(small_case):
    case = sheet_case(small_case, skew=(1, 0, 0))
    images = InsideCell(case)
    rng = np.random.default_rng(5)
    positions = faces(rng, case.cell, 5000)
    inside = images(positions)
    fractional = inside.astype(np.float32).astype(float) @ np.linalg.inv(images.cell)
    assert fractional.min() > 5e-7 and fractional.max() < 1 - 5e-7
    # later images follow the atoms over the faces and keep off them
    away = images(positions + rng.integers(-3, 4, positions.shape) @ case.cell)
    assert np.abs(away - inside).max() < 1e-6
    walked = images(positions + 0.3 * case.cell[0])
    assert np.abs(walked - inside - 0.3 * case.cell[0]).max() < 1e-4
    for _ in range(12):
        positions = positions + 0.31 * case.cell.sum(axis=0)
        fractional = images(positions).astype(np.float32).astype(float) @ np.linalg.inv(images.cell)
        assert fractional.min() > -1.1 and fractional.max() < 2.1
        assert np.abs(fractional - np.round(fractional)).min() > 5e-7
    inside = images(positions)
    moved = (inside - positions - images.shift) @ np.linalg.inv(case.cell)
    assert (
        np.abs((moved - np.round(moved)) @ case.cell).max() < 2e-6 * np.linalg.norm(case.cell, axis=1).max()
    )


def test_triclinic_cells_are_written_and_read(tmp_path, small_case):
    case = sheet_case(small_case, skew=(-1, 1, 1), lean=3.0)
    write_init_xyz(tmp_path / "init.xyz", case.symbols, case.positions, case.cell)
    symbols, positions, cell = read_init_xyz(tmp_path / "init.xyz")
    assert symbols == case.symbols
    assert positions == pytest.approx(case.positions, abs=1e-9)
    assert cell == pytest.approx(case.cell, abs=1e-7)


def test_a_cell_that_ipi_would_turn_is_refused(tmp_path, small_case):
    case = sheet_case(small_case)
    (tmp_path / "system.yaml").write_text(yaml.safe_dump(case.system.model_dump(exclude_none=True)))
    rows = case.cell / ANGSTROM_TO_BOHR
    turned = (rows[:, [1, 0, 2]] + [0.01, 0, 0]).T.ravel()
    header = f"# CELL(H): {' '.join(map(repr, turned.tolist()))} positions{{angstrom}} cell{{angstrom}}"
    lines = [
        f"{s} {x:.8f} {y:.8f} {z:.8f}" for s, (x, y, z) in zip(case.symbols, case.positions, strict=True)
    ]
    (tmp_path / "init.xyz").write_text("\n".join([str(len(case)), header, *lines]) + "\n")
    with pytest.raises(InputError, match="first vector is along x"):
        read_case(tmp_path)
