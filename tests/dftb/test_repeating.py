"""Bloch states of one part against the dense matrices of the whole electrode."""

import numpy as np
import pytest
from dftb_cases import graphene

from polcouple.dftb import preparation
from polcouple.dftb.bloch import Mesh, bloch_states, part_hamiltonian
from polcouple.dftb.blocks import monkhorst_pack
from polcouple.dftb.filling import fermi_filling
from polcouple.dftb.hamiltonian import build_orbitals, charge_sites
from polcouple.dftb.imaginary_time import imaginary_times, response_columns
from polcouple.dftb.repeating import RepeatingElectrode, equal_parts
from polcouple.dftb.scf import FrozenElectrode
from polcouple.dftb.skf import DEFAULT_SLAKO, load_parameters
from polcouple.dftb.uniform_response import uniform_response
from polcouple.electrode import Electrode
from polcouple.lattice.convolution import first_part, lattice_orbits
from polcouple.units import ANGSTROM_TO_BOHR, KELVIN_TO_HARTREE

PARAMETERS = load_parameters(DEFAULT_SLAKO, ["C", "H"])
ROOM = 300.0 * KELVIN_TO_HARTREE
#: of graphene's primitive cell, Angstrom
VECTORS = np.array([[2.46, 0.0, 0.0], [1.23, 2.46 * 3**0.5 / 2, 0.0]])


def tilted(layers, shape=(4, 3), hydrogen=False):
    """Sheets of graphene in a cell with no right angle, atoms in any order; one C-H in each part."""
    origins = [i * VECTORS[0] + j * VECTORS[1] for i in range(shape[0]) for j in range(shape[1])]
    motif = [
        k * np.array([1.23, 0.71, 3.35]) + s * VECTORS.sum(axis=0) / 3 for k in range(layers) for s in (0, 1)
    ]
    symbols = ["C"] * len(motif)
    if hydrogen:
        motif.append(motif[-1] + [0.0, 0.0, 1.12])
        symbols.append("H")
    positions = np.array([origin + atom for origin in origins for atom in motif])
    order = np.random.default_rng(3).permutation(len(positions))
    cell = np.array([shape[0] * VECTORS[0], shape[1] * VECTORS[1], [3.0, 1.0, 30.0]])
    names = np.array(symbols * len(origins))[order]
    return Electrode(tuple(map(str, names)), positions[order] * ANGSTROM_TO_BOHR, cell * ANGSTROM_TO_BOHR)


def bloch(electrode, charge, k_points):
    """States of the parts without interaction, number of charge sites, and Fermi level."""
    orbits, shape = lattice_orbits(electrode)
    part = first_part(electrode, orbits, shape)
    orbitals = build_orbitals(part.symbols, PARAMETERS)
    sites = charge_sites(orbitals, False)
    states = []
    for kappa, weight in zip(*monkhorst_pack(k_points), strict=True):
        hamiltonian = part_hamiltonian(part, orbitals, PARAMETERS, Mesh.of(shape, kappa), float(weight))
        states += bloch_states(hamiltonian, sites.of_orbital, np.zeros(len(sites.neutral)))
    energies = np.concatenate([state.energies.ravel() for state in states])
    holds = np.concatenate([state.degeneracies.ravel() for state in states])
    filling = fermi_filling(energies, holds, float(sites.neutral.sum()) * len(orbits), ROOM, -charge)
    return states, len(sites.neutral), filling.fermi_level


@pytest.mark.parametrize(
    ("electrode", "charge", "temperature", "k_points", "shell_resolved"),
    [
        (graphene(7, 3), 0.0, ROOM, (1, 1, 1), False),
        (graphene(6, 4), -3.0, ROOM, (1, 1, 1), True),
        (graphene(4, 3), 1.5, ROOM, (3, 2, 1), False),
        (graphene(3, 2), 1.5, ROOM / 300.0, (2, 3, 1), True),
        (tilted(2), -2.0, ROOM, (1, 1, 1), False),
        (tilted(1, hydrogen=True), 1.0, ROOM, (1, 1, 1), False),
        (tilted(1, hydrogen=True), -0.3, ROOM, (2, 1, 1), True),
    ],
)
def test_state_and_response_are_the_dense_ones(
    electrode, charge, temperature, k_points, shell_resolved, monkeypatch
):
    monkeypatch.setattr(preparation, "_MANY", np.inf)
    settings = (electrode, PARAMETERS, temperature, k_points, shell_resolved)
    fast, dense = FrozenElectrode(*settings), FrozenElectrode(*settings)
    dense.__dict__["repeating"] = None
    solution, response = fast.bare_reference(charge)
    expected, exact = dense.bare_reference(charge)
    assert fast.repeating is not None and "prepared" not in fast.__dict__
    np.testing.assert_allclose(solution.populations, expected.populations, atol=1e-9)
    np.testing.assert_allclose(solution.charges, expected.charges, atol=1e-9)
    assert solution.charges.sum() == pytest.approx(charge, abs=1e-9)
    for name in ("energy", "fermi_level", "entropy_energy"):
        assert getattr(solution, name) == pytest.approx(getattr(expected, name), abs=1e-10)
    kernel = response.charge_kernel
    assert np.abs(kernel - exact.charge_kernel).max() < 1e-9 * np.abs(exact.charge_kernel).max()
    np.testing.assert_allclose(response.fukui, exact.fukui, atol=1e-6 / len(electrode))
    assert response.hardness == pytest.approx(exact.hardness, rel=1e-6)
    np.testing.assert_allclose(fast.mean_interaction, dense.mean_interaction, atol=1e-11)
    vector = np.random.default_rng(0).standard_normal(len(electrode))
    np.testing.assert_allclose(response.kernel(electrode) @ vector, kernel @ vector, atol=1e-10)


def test_uniform_response_is_the_sum_over_all_parts():
    for electrode, charge, k_points in (
        (tilted(2), -2.0, (1, 1, 1)),
        (tilted(1, hydrogen=True), -0.3, (2, 1, 1)),
    ):
        states, sites, level = bloch(electrode, charge, k_points)
        columns = response_columns(states, level, ROOM, sites)
        uniform = uniform_response(states, level, ROOM, sites)
        assert np.abs(uniform - columns.sum(axis=0)).max() < 1e-10 * np.abs(uniform).max()


@pytest.mark.slow
@pytest.mark.parametrize("cells", [(12, 7), (24, 14)])
def test_kernel_of_larger_sheets_is_the_dense_one(cells, monkeypatch):
    """336 carbons take seconds, 1,344 a minute."""
    monkeypatch.setattr(preparation, "_MANY", np.inf)
    solver = FrozenElectrode(graphene(*cells), PARAMETERS, ROOM)
    charge = -4.0 * np.prod(cells) / 84.0
    _, response = solver.bare_reference(charge)
    dense = solver.derivatives(charge)
    for ours, theirs in ((response.charge_kernel, dense.charge_kernel), (response.fukui, dense.fukui)):
        assert np.abs(ours - theirs).max() < 1e-9 * np.abs(theirs).max()


@pytest.mark.parametrize(
    "electrode",
    [graphene(4, 3), graphene(5, 2), graphene(2, 2), tilted(2), tilted(1, (5, 3)), tilted(1, hydrogen=True)],
)
def test_states_of_the_whole_electrode_from_those_of_a_part(electrode, monkeypatch):
    """They make the same H0 and S as the dense matrices, level by level."""
    found = []
    for fewest in (1, np.inf):
        monkeypatch.setattr(preparation, "_MANY", fewest)
        found.append(preparation.prepare(electrode, PARAMETERS, (1, 1, 1), True).blocks)
    assert len(found[0]) == len(found[1])
    for ours, dense in zip(*(sorted(blocks, key=len) for blocks in found), strict=True):
        assert np.array_equal(ours.orbitals, dense.orbitals) and np.array_equal(ours.sites, dense.sites)
        assert np.abs(ours.energies - dense.energies).max() < 1e-12
        assert np.abs(ours.vectors.T @ ours.duals - np.eye(len(ours))).max() < 1e-12
        for power in (0, 1):
            a, b = ((block.duals * block.energies**power) @ block.duals.T for block in (ours, dense))
            assert np.abs(a - b).max() < 1e-12


def test_what_was_found_is_kept_for_the_same_electrode_at_the_same_charge(tmp_path):
    sheet = graphene(6, 4)
    higher = Electrode(sheet.symbols, sheet.positions + np.array([0.0, 0.0, 3.0]), sheet.cell)

    def answer(electrode, charge, directory):
        return FrozenElectrode(electrode, PARAMETERS, ROOM, cache_directory=directory).bare_reference(charge)

    first, kept = answer(sheet, -1.5, tmp_path), answer(higher, -1.5, tmp_path)
    assert len(list(tmp_path.glob("*.npz"))) == 1
    fresh = answer(higher, -1.5, None)
    for name in ("energy", "fermi_level", "entropy_energy", "residual", "cycles", "total_charge"):
        assert getattr(kept[0], name) == getattr(first[0], name)
        assert getattr(kept[0], name) == pytest.approx(getattr(fresh[0], name), abs=1e-11)
    for name in ("charges", "populations"):
        np.testing.assert_array_equal(getattr(kept[0], name), getattr(first[0], name))
    np.testing.assert_array_equal(kept[1].columns, first[1].columns)
    np.testing.assert_allclose(kept[1].columns, fresh[1].columns, atol=1e-11)
    assert (kept[1].hardness, kept[1].shape) == (first[1].hardness, first[1].shape)
    assert answer(sheet, -1.0, tmp_path)[0].total_charge == -1.0
    assert len(list(tmp_path.glob("*.npz"))) == 2
    for path in tmp_path.glob("*.npz"):
        path.write_bytes(path.read_bytes()[:1000])
    assert answer(sheet, -1.5, tmp_path)[0].energy == first[0].energy


def test_a_large_sheet_keeps_the_sum_rules():
    """1,344 carbons, whose dense matrices take half a minute."""
    sheet = graphene(24, 14)
    electrode = FrozenElectrode(sheet, PARAMETERS, ROOM)
    _, response = electrode.bare_reference(-3.3)
    columns = response.columns
    assert np.abs(columns.sum(axis=0)).max() < 1e-9 * np.abs(columns).max()
    assert response.fukui.sum() == pytest.approx(1.0, abs=1e-10)
    matrix = response.kernel(sheet)
    waves = np.random.default_rng(1).standard_normal((3, len(sheet)))
    assert all(wave @ (matrix @ wave) < 0.0 for wave in waves)
    assert waves[0] @ (matrix @ waves[1]) == pytest.approx(waves[1] @ (matrix @ waves[0]), rel=1e-9)
    # -d(Fermi level)/dQ and the Fukui function by finite differences
    above, _ = electrode.bare_reference(-3.299)
    below, _ = electrode.bare_reference(-3.301)
    assert (below.fermi_level - above.fermi_level) / 0.002 == pytest.approx(response.hardness, rel=1e-5)
    assert "prepared" not in electrode.__dict__


def test_what_repeats_only_nearly_is_left_to_dense_matrices():
    sheet = graphene(4, 3)
    moved = sheet.positions.copy()
    moved[7, 2] += 1e-5
    assert equal_parts(sheet, 4 * len(sheet)) is not None
    assert equal_parts(Electrode(sheet.symbols, moved, sheet.cell), 4 * len(sheet)) is None
    flake = Electrode(sheet.symbols, sheet.positions, sheet.cell, (False, False, False))
    assert equal_parts(flake, 4 * len(sheet)) is None


def test_integrals_over_imaginary_time():
    times, weights = imaginary_times(2.0, ROOM)
    for energy in (0.0, 1e-6, 1e-3, 0.1, 2.0):
        exact = -np.expm1(-energy * 0.5 / ROOM) / energy if energy else 0.5 / ROOM
        assert weights @ np.exp(-energy * times) == pytest.approx(exact, rel=1e-10)


def test_populations_come_in_the_order_of_atoms_and_shells():
    electrode = tilted(1, hydrogen=True)
    orbits, shape = lattice_orbits(electrode)
    repeating = RepeatingElectrode(electrode, orbits, shape, PARAMETERS, ROOM, (1, 1, 1), True)
    solution, _ = repeating.solve(0.0)
    shells = [1 if symbol == "H" else 2 for symbol in electrode.symbols]
    by_atom = np.add.reduceat(solution.populations, np.concatenate([[0], np.cumsum(shells)[:-1]]))
    np.testing.assert_allclose(-by_atom, solution.charges, atol=1e-12)
